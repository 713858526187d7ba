/** From which risk on agreeing takes more than a password. A denial never does: it lets nothing run. */
import type { Approval } from '../../contracts/approval.ts';
import { isAtLeast } from '../policy/risk.ts';

export const wantsSecondFactor = ({ rule, risk }: Pick<Approval, 'rule' | 'risk'>): boolean =>
  rule.second_factor_from !== null && isAtLeast(risk.level, rule.second_factor_from);
