import { LocalCloudFailure } from './failure.ts';

/** What the stacks must say about themselves. Which stack says it does not matter. */
const outputNames = [
  'HttpApiId',
  'WebSocketApiId',
  'WebSocketStage',
  'UserPoolId',
  'UserPoolClientId',
  'IdentityTableName',
  'ExecutionStateMachineArn',
  'KeeperFunctionName',
  'ReconcilerFunctionName',
  'JwksRefresherFunctionName',
] as const;

export type StackOutputs = Readonly<Record<(typeof outputNames)[number], string>> & Readonly<Record<string, string>>;

/** Reads the file that `cdk deploy --outputs-file` writes: `{ stack: { output: value } }`. Throws and names what is missing. */
export function readOutputs(content: string): StackOutputs {
  const stacks = JSON.parse(content) as Record<string, Record<string, string>>;
  const outputs = Object.assign({}, ...Object.values(stacks)) as Record<string, string>;
  const missing = outputNames.filter((name) => outputs[name] === undefined);
  if (missing.length > 0) throw new LocalCloudFailure(`The deployed stacks have no output ${missing.join(', ')}.`);
  return outputs as StackOutputs;
}
