import { expect, it } from 'vitest';
import { riskLevel } from '../../contracts/approval.ts';
import { isDecidableWithoutSignIn } from './identification.ts';

it('without signing in, what is of low or medium risk is decided, and never a change of security', () => {
  const ofRisk = (level: (typeof riskLevel.options)[number], operation_type = 'code_execution') =>
    isDecidableWithoutSignIn({ risk: { level, factors: [] }, operation_type });
  expect(riskLevel.options.filter((level) => ofRisk(level))).toEqual(['low', 'medium']);
  expect(riskLevel.options.filter((level) => ofRisk(level, 'security_change'))).toEqual([]);
});
