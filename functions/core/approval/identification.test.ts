import { expect, it } from 'vitest';
import { ruleOf } from '../../../test/support/entities.ts';
import { type RiskLevel, riskLevel } from '../../contracts/risk.ts';
import { isDecidableWithoutSignIn } from './identification.ts';

it('without signing in, what is of low or medium risk is decided; never a change of security, or what wants a second factor', () => {
  const ofRisk = (level: RiskLevel, operation_type = 'code_execution', second_factor_from: RiskLevel | null = null) =>
    isDecidableWithoutSignIn({ risk: { level, factors: [] }, operation_type, rule: ruleOf({ second_factor_from }) });
  expect(riskLevel.options.filter((level) => ofRisk(level))).toEqual(['low', 'medium']);
  expect(riskLevel.options.filter((level) => ofRisk(level, 'security_change'))).toEqual([]);
  expect(riskLevel.options.filter((level) => ofRisk(level, 'code_execution', 'medium'))).toEqual(['low']);
});
