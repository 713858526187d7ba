import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  InvalidToken,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import type { ClockMachine } from '../../core/approval/ports.ts';
import type { ExecutionMachine, TaskTokens } from '../../core/execution/ports.ts';

const client = new SFNClient({ maxAttempts: 5 });

const nameOf = (executionId: string, attempt: number): string => `${executionId}-${attempt}`;

export function executionMachine(
  stateMachineArn: string,
): ExecutionMachine & { isRunning(executionId: string, attempt: number): Promise<boolean> } {
  const arnOf = (executionId: string, attempt: number) =>
    `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${nameOf(executionId, attempt)}`;
  return {
    async start(executionId, attempt) {
      await startOnce(stateMachineArn, nameOf(executionId, attempt), JSON.stringify({ execution_id: executionId, attempt }));
    },
    async isRunning(executionId, attempt) {
      try {
        const { status } = await client.send(new DescribeExecutionCommand({ executionArn: arnOf(executionId, attempt) }));
        return status === 'RUNNING';
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return false;
        throw error;
      }
    },
  };
}

export function clockMachine(stateMachineArn: string): ClockMachine {
  return {
    async start(approvalId, stage, round) {
      const input = JSON.stringify({ approval_id: approvalId, stage });
      await startOnce(stateMachineArn, `${approvalId}-${stage}-${round}`, input);
    },
  };
}

/** The name says everything that is in the input, so an execution of that name is this very one. */
async function startOnce(stateMachineArn: string, name: string, input: string): Promise<void> {
  try {
    await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}

export const taskTokens: TaskTokens = {
  async complete(taskToken) {
    try {
      await client.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }));
    } catch (error) {
      if (error instanceof TaskDoesNotExist || error instanceof TaskTimedOut || error instanceof InvalidToken) return;
      throw error;
    }
  },
};
