import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Stage } from '../config.ts';
import { StateMachine } from './state-machine.ts';
import type { SubjectTable } from './tables.ts';

/** The functions the definition names, by its own placeholders. */
export const MACHINE_TASKS = {
  AwaitApprovalFunction: 'tasks/await-approval',
  JoinLineFunction: 'tasks/join-line',
  ClaimSandboxFunction: 'tasks/claim-sandbox',
  IssueTicketFunction: 'tasks/issue-ticket',
  RunInSandboxFunction: 'tasks/run-in-sandbox',
  RecordFunction: 'tasks/record',
} as const;

interface Props {
  readonly stage: Stage;
  readonly executions: SubjectTable;
  readonly approvals: SubjectTable;
  readonly encryptionKey: IKey | undefined;
}

/** One execution, from approval to recorded result. */
export class ExecutionMachine extends StateMachine {
  constructor(scope: Construct, id: string, { stage, executions, approvals, encryptionKey }: Props) {
    const tables = { ExecutionsTable: executions, ApprovalsTable: approvals };
    super(scope, id, { stage, name: 'execution', tasks: MACHINE_TASKS, tables, encryptionKey });
  }
}
