/** The baseline of the whole stack: a state machine of empty Lambda tasks in the same emulator, with nothing of Airlock in it. */
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { CreateFunctionCommand, DeleteFunctionCommand, GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { until } from '../support/airlock.ts';
import { functionNamed, lambda, output, stepFunctions } from '../support/faults.ts';
import { now } from './stack.ts';

/** It logs a line as Airlock's tasks do: the emulator waits for one. */
const EMPTY_HANDLER = 'exports.handler = async () => { console.log("empty"); return {}; };\n';

export interface EmptyMachine {
  /** Milliseconds from the call that starts it to its end. */
  readonly run: () => Promise<number>;
  readonly remove: () => Promise<void>;
}

export async function createEmptyMachine(tasks: number): Promise<EmptyMachine> {
  const name = `airlock-bench-${randomUUID().slice(0, 8)}`;
  const model = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionNamed('tasks/claim-sandbox') }));
  const { roleArn } = await stepFunctions.send(
    new DescribeStateMachineCommand({ stateMachineArn: output('ExecutionStateMachineArn') }),
  );
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: model.Runtime,
      Role: model.Role,
      MemorySize: model.MemorySize,
      Handler: 'index.handler',
      Code: { ZipFile: zipOf('index.js', EMPTY_HANDLER) },
    }),
  );
  const { stateMachineArn } = await stepFunctions.send(
    new CreateStateMachineCommand({ name, roleArn, definition: JSON.stringify(definitionOf(name, tasks)) }),
  );

  async function run(): Promise<number> {
    const startedAt = now();
    const { executionArn } = await stepFunctions.send(
      new StartExecutionCommand({ stateMachineArn, name: randomUUID(), input: '{}' }),
    );
    const end = await until('the end of the empty machine', async () => {
      const { status, stopDate } = await stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
      return status !== 'RUNNING' && { status, stopDate };
    });
    if (end.status !== 'SUCCEEDED' || !end.stopDate) throw new Error(`the empty machine ended as ${end.status}`);
    return end.stopDate.getTime() - startedAt;
  }

  async function remove(): Promise<void> {
    await stepFunctions.send(new DeleteStateMachineCommand({ stateMachineArn }));
    await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
  }

  return { run, remove };
}

function definitionOf(functionName: string, tasks: number): object {
  const states = Array.from({ length: tasks }, (_, index) => [
    `Task ${index + 1}`,
    {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Arguments: { FunctionName: functionName, Payload: {} },
      TimeoutSeconds: 60,
      ...(index + 1 < tasks ? { Next: `Task ${index + 2}` } : { End: true }),
    },
  ]);
  return { QueryLanguage: 'JSONata', StartAt: 'Task 1', States: Object.fromEntries(states) };
}

/** A zip archive of one stored file (APPNOTE.TXT 4.3): local header and bytes, central directory, its end. */
function zipOf(name: string, content: string): Buffer {
  const bytes = Buffer.from(content);
  const versionToDirectoryTime = [20, 0, 0, 0, 0x21];
  const sums = [crc32(bytes), bytes.length, bytes.length];
  const local = Buffer.concat([
    u32(0x04034b50),
    u16(...versionToDirectoryTime),
    u32(...sums),
    u16(name.length, 0),
    Buffer.from(name),
  ]);
  const central = Buffer.concat([
    u32(0x02014b50),
    u16(20, ...versionToDirectoryTime),
    u32(...sums),
    u16(name.length, 0, 0, 0, 0),
    u32(0o100644 * 0x10000, 0),
    Buffer.from(name),
  ]);
  const end = Buffer.concat([u32(0x06054b50), u16(0, 0, 1, 1), u32(central.length, local.length + bytes.length), u16(0)]);
  return Buffer.concat([local, bytes, central, end]);
}

const u16 = (...values: readonly number[]): Buffer => Buffer.from(new Uint16Array(values).buffer);
const u32 = (...values: readonly number[]): Buffer => Buffer.from(new Uint32Array(values).buffer);
