import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Stage } from '../config.ts';
import { StateMachine } from './state-machine.ts';

/** The functions the definition names, by its own placeholders. */
export const CLOCK_TASKS = { AdvanceApprovalFunction: 'tasks/advance-approval' } as const;

/** The clocks of one stage of an approval request. It reads no table: its function does. */
export class ApprovalClock extends StateMachine {
  constructor(
    scope: Construct,
    id: string,
    { stage, encryptionKey }: { readonly stage: Stage; readonly encryptionKey: IKey | undefined },
  ) {
    super(scope, id, { stage, name: 'approval-clock', tasks: CLOCK_TASKS, encryptionKey });
  }
}
