import type { Approval } from '../../contracts/approval.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { wantsSecondFactor } from './second-factor.ts';

const HARMLESS: readonly RiskLevel[] = ['low', 'medium'];

/**
 * Whether this may be decided by somebody whom we know by their mailbox or by an account elsewhere alone. Everything else wants them to
 * sign in.
 */
export const isDecidableWithoutSignIn = (request: Pick<Approval, 'risk' | 'operation_type' | 'rule'>): boolean =>
  HARMLESS.includes(request.risk.level) && request.operation_type !== 'security_change' && !wantsSecondFactor(request);
