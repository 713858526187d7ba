import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

const client = new LambdaClient({ maxAttempts: 5 });

/** Hands an event over and does not wait for what becomes of it; Lambda keeps and retries it. */
export async function invokeLater(functionName: string, payload: unknown): Promise<void> {
  await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload: JSON.stringify(payload) }));
}

/** Waits for the answer, for so long where a limit is given; a function that failed is an error here. */
export async function invokeNow(functionName: string, payload: unknown, limitMs?: number): Promise<unknown> {
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({ FunctionName: functionName, InvocationType: 'RequestResponse', Payload: JSON.stringify(payload) }),
    limitMs === undefined ? {} : { abortSignal: AbortSignal.timeout(limitMs) },
  );
  const text = Payload ? Buffer.from(Payload).toString('utf8') : 'null';
  if (FunctionError) throw new Error(`${functionName} failed: ${FunctionError}`);
  return JSON.parse(text);
}
