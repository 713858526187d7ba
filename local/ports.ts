import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { LocalCloudFailure } from './failure.ts';

/** Below the range that Linux gives to outgoing connections, so that a port kept for later is still free then. */
const lowestPort = 20_000;
const highestPort = 30_000;

export async function pickFreePort(taken: readonly number[] = []): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(lowestPort, highestPort);
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  throw new LocalCloudFailure(`No free port was found between ${lowestPort} and ${highestPort} on 127.0.0.1.`);
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

export const portTakenMessage = (port: number): string =>
  `Port ${port} on 127.0.0.1 is taken by another program. Stop that program, or choose another port: AIRLOCK_PORT=${port + 1} npm start`;

/** Reads AIRLOCK_PORT. Throws when it is no port number. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new LocalCloudFailure(`AIRLOCK_PORT must be a port number from 1 to 65535; it is "${text}".`);
  }
  return port;
}
