import { expect, it } from 'vitest';
import { ruleOf } from '../../../test/support/entities.ts';
import { type RiskLevel, riskLevel } from '../../contracts/risk.ts';
import { isDecidableWithoutSignIn } from './identification.ts';

it('without signing in, what is of low or medium risk is decided, and neither a change of security nor what wants a second factor', () => {
  const levelsOf = (operation_type: string, second_factor_from: RiskLevel | null) =>
    riskLevel.options.filter((level) =>
      isDecidableWithoutSignIn({ risk: { level, factors: [] }, operation_type, rule: ruleOf({ second_factor_from }) }),
    );
  expect(levelsOf('code_execution', null)).toEqual(['low', 'medium']);
  expect(levelsOf('code_execution', 'high')).toEqual(['low', 'medium']);
  expect(levelsOf('code_execution', 'medium')).toEqual(['low']);
  expect(levelsOf('code_execution', 'low')).toEqual([]);
  expect(levelsOf('security_change', null)).toEqual([]);
});
