/** Faults, done to the real processes of the running instance. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { GetExecutionHistoryCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, GetCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { status } from './airlock.ts';

export const settings = {
  endpoint: status.emulator_url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};
export const stepFunctions = new SFNClient(settings);
export const lambda = new LambdaClient(settings);
export const tables = DynamoDBDocumentClient.from(new DynamoDBClient(settings));

export function output(name: string): string {
  const value = status.outputs[name];
  if (!value) throw new Error(`the stacks have no output ${name}`);
  return value;
}

/** Functions share a prefix; the dispatcher's name is an output and tells it. */
export const functionNamed = (path: string): string =>
  output('RunInSandboxFunctionName').replace('tasks-run-in-sandbox', path.replace('/', '-'));

export async function invoke(path: string, payload: object): Promise<Record<string, unknown>> {
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName: functionNamed(path), Payload: JSON.stringify(payload) }),
  );
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || 'null');
  if (FunctionError) throw new Error(JSON.stringify(answer));
  return answer ?? {};
}

/** Gives a function another environment variable; what comes back puts the old one back. */
export async function functionVariable(path: string, name: string, value: string): Promise<() => Promise<unknown>> {
  const FunctionName = functionNamed(path);
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const put = (Variables: Record<string, string>) =>
    lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  await put({ ...Environment?.Variables, [name]: value });
  return () => put(Environment?.Variables ?? {});
}

/** Runs `work` while a function has another environment variable. */
export async function withVariable<T>(path: string, name: string, value: string, work: () => Promise<T>): Promise<T> {
  const putBack = await functionVariable(path, name, value);
  try {
    return await work();
  } finally {
    await putBack();
  }
}

/** Calls the reconciler again and again while the work goes on: the product itself does so once a minute. */
export async function reconciling<T>(work: () => Promise<T>): Promise<T> {
  let isOver = false;
  const calling = (async () => {
    while (!isOver) {
      await invoke('events/reconciler', {}).catch(() => {});
      await sleep(3000);
    }
  })();
  try {
    return await work();
  } finally {
    isOver = true;
    await calling;
  }
}

export async function executionRow(executionId: string): Promise<Record<string, unknown>> {
  const { Item } = await tables.send(
    new GetCommand({ TableName: output('ExecutionsTableName'), Key: { execution_id: executionId }, ConsistentRead: true }),
  );
  if (!Item) throw new Error(`there is no row ${executionId}`);
  return Item;
}

/** How often the machine of the first attempt entered a state. */
export async function timesEntered(executionId: string, state: string): Promise<number> {
  const executionArn = `${output('ExecutionStateMachineArn').replace(':stateMachine:', ':execution:')}:${executionId}-1`;
  const { events } = await stepFunctions.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
  return (events ?? []).filter((event) => event.stateEnteredEventDetails?.name === state).length;
}

/** Processes of this machine whose environment holds all of these. */
export function processesWith(...texts: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return texts.every((text) => variables.includes(text));
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Of this instance: another one beside it has functions of the same names. */
export const killWorkersOf = (path: string): number =>
  kill(processesWith(`AWS_LAMBDA_FUNCTION_NAME=${functionNamed(path)}`, `AWS_ENDPOINT_URL=${status.emulator_url}`));
export const killSandbox = (sandboxId: string): number => kill(processesWith(`AIRLOCK_SANDBOX_ID=${sandboxId}`));

/** How many there were to kill: one may have ended by itself a moment before. */
function kill(pids: number[]): number {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  return pids.length;
}

/** Holds a sandbox's supervisor still for so long; the program it runs goes on. */
export async function withFrozenSupervisor<T>(sandboxId: string, work: () => Promise<T>): Promise<T> {
  const pids = processesWith(`AIRLOCK_SANDBOX_ID=${sandboxId}`);
  if (pids.length === 0) throw new Error(`${sandboxId} does not run`);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
}

/** Holds a part of the instance still for so long: connected, and silent. */
export async function withFrozen<T>(part: 'valkey' | 'emulator', work: () => Promise<T>): Promise<T> {
  const pid = status.parts[part]?.pid;
  if (!pid) throw new Error(`${part} does not run`);
  process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

export interface Pool {
  readonly starting: readonly string[];
  readonly idle: readonly string[];
  readonly admitted: readonly string[];
}

export async function poolNow(): Promise<Pool> {
  const Key = { sandbox_id: 'pool#default' };
  const { Item } = await tables.send(new GetCommand({ TableName: output('SandboxesTableName'), Key, ConsistentRead: true }));
  const members = (value: unknown) => (value instanceof Set ? [...value].map(String) : []);
  return { starting: members(Item?.starting), idle: members(Item?.idle), admitted: members(Item?.admitted) };
}

/** Sandboxes of this instance whose supervisor runs on this machine, whatever the tables say. */
export async function livingSandboxes(): Promise<string[]> {
  const own = new Set<string>();
  let ExclusiveStartKey: Record<string, unknown> | undefined;
  do {
    const page = await tables.send(new ScanCommand({ TableName: output('SandboxesTableName'), ExclusiveStartKey }));
    for (const { sandbox_id } of page.Items ?? []) own.add(String(sandbox_id));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return [...new Set(valuesOf('AIRLOCK_SANDBOX_ID'))].filter((id) => own.has(id)).sort();
}

/** What a variable is in the environments of this machine's processes. */
const valuesOf = (name: string): string[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      } catch {
        return [];
      }
    })
    .filter((variable) => variable.startsWith(`${name}=`))
    .map((variable) => variable.slice(name.length + 1));

/** The run ticket the gate left for the dispatcher's first attempt. */
export async function runTicket(executionId: string): Promise<string | null> {
  const Key = { pk: `run-ticket#${executionId}`, sk: '1' };
  const { Item } = await tables.send(new GetCommand({ TableName: output('EphemeraTableName'), Key, ConsistentRead: true }));
  return typeof Item?.ticket === 'string' ? Item.ticket : null;
}
