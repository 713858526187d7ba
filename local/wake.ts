import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { clientSettings } from './cloud.ts';
import { LocalCloudFailure } from './failure.ts';
import type { Instance } from './instance.ts';
import type { StackOutputs } from './stack-outputs.ts';
import { until } from './wait.ts';

/** Runs at once what would otherwise wait for its schedule: keys to verify tokens, the sandbox pool, executions a restart cut off. */
export async function wakeFunctions(instance: Instance, outputs: StackOutputs): Promise<void> {
  const client = new LambdaClient(clientSettings(instance));
  for (const name of [outputs.JwksRefresherFunctionName, outputs.KeeperFunctionName, outputs.ReconcilerFunctionName]) {
    const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: '{}' }));
    if (answer.FunctionError !== undefined) {
      throw new LocalCloudFailure(
        `${name} failed when it was run after the deployment: ${Buffer.from(answer.Payload ?? []).toString()}`,
      );
    }
  }
}

interface Health {
  readonly status: string;
  readonly sandboxes?: { readonly idle?: number };
}

/** Waits until a sandbox is ready for a job, as the public health route reports it. */
export async function waitForIdleSandbox(instance: Instance): Promise<void> {
  let last: Health | undefined;
  const ready = await until({ withinSeconds: 90, everyMilliseconds: 250 }, async () => {
    last = await readHealth(instance);
    return (last?.sandboxes?.idle ?? 0) > 0 ? last : undefined;
  });
  if (ready !== undefined) return;
  const said = last === undefined ? 'it did not answer' : JSON.stringify(last);
  throw new LocalCloudFailure(
    `No sandbox became ready within 90 s. ${instance.url}/api/v1/health: ${said}. See: npm run local -- logs`,
  );
}

async function readHealth(instance: Instance): Promise<Health | undefined> {
  try {
    const response = await fetch(`${instance.url}/api/v1/health`, { signal: AbortSignal.timeout(10_000) });
    return response.headers.get('content-type')?.includes('json') ? ((await response.json()) as Health) : undefined;
  } catch {
    return undefined;
  }
}
