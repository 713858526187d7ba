import {
  ClientClosedError,
  ClientOfflineError,
  createClient,
  createCluster,
  DisconnectsClientError,
  SocketClosedUnexpectedlyError,
} from 'redis';

export type ValkeyClient = Awaited<ReturnType<typeof connect>>;

/** Serverless ElastiCache speaks cluster mode over TLS (`rediss://…?cluster=true`); a single server is addressed as it is. */
export async function connect(url: string, connectMs: number) {
  const { searchParams, protocol } = new URL(url);
  const isCluster = searchParams.get('cluster') === 'true';
  const socket = { connectTimeout: connectMs, reconnectStrategy: false as const };
  const client = isCluster
    ? // Nodes that are found later are reached as the first one is.
      createCluster({ rootNodes: [{ url }], defaults: { socket: protocol === 'rediss:' ? { ...socket, tls: true } : socket } })
    : createClient({ url, socket, disableOfflineQueue: true });
  // Without a listener a lost connection would end the process; every command reports its own failure.
  client.on('error', () => {});
  try {
    // Its own limit ends with the TCP connection; the first words may stay unanswered as well.
    await withLimit<unknown>(client.connect(), connectMs);
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

/** `key` says which node of a cluster is asked. */
export async function sendTo<T>(client: ValkeyClient, key: string, args: string[]): Promise<T> {
  const answer = 'masters' in client ? await client.sendCommand(key, false, args) : await client.sendCommand(args);
  return answer as T;
}

/** One connection, opened when it is wanted, and anew after it was given up. */
export function lazily(open: () => Promise<ValkeyClient>) {
  let opening: Promise<ValkeyClient> | null = null;
  return {
    get: () => {
      opening ??= open().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    /** With `failed`, only if that is still the one: of many commands that fail together, each gives up what the first one had. */
    reset: (failed?: Promise<ValkeyClient>) => {
      const old = opening;
      if (failed && failed !== old) return;
      opening = null;
      void old?.then((client) => client.destroy()).catch(() => {});
    },
  };
}

/** The other side, or this one, had closed it: nothing was asked. */
export const isConnectionClosed = (error: unknown): boolean =>
  [ClientClosedError, ClientOfflineError, DisconnectsClientError, SocketClosedUnexpectedlyError].some(
    (kind) => error instanceof kind,
  );

/**
 * The work's result, or an error after so long. An answer that came in time and waits behind this process's own work still counts: the
 * limit is on the other side's time.
 */
export async function withLimit<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => setImmediate(() => setImmediate(reject, new Error(`no answer within ${milliseconds} ms`))),
      milliseconds,
    );
  });
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
