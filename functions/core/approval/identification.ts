import type { Approval, RiskLevel } from '../../contracts/approval.ts';

const HARMLESS: readonly RiskLevel[] = ['low', 'medium'];

/**
 * Whether this may be decided by somebody whom we know by their mailbox or by an account elsewhere alone. Everything else wants them to
 * sign in.
 */
export const isDecidableWithoutSignIn = ({ risk, operation_type }: Pick<Approval, 'risk' | 'operation_type'>): boolean =>
  HARMLESS.includes(risk.level) && operation_type !== 'security_change';
