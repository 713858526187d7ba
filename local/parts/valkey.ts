import { connect } from 'node:net';
import { type Daemon, startDaemon, stopDaemon } from '../daemon.ts';
import type { Instance } from '../instance.ts';
import { childEnvironment } from '../run.ts';

export const valkeyName = 'valkey';
const stopWithinSeconds = 10;

/** A plain redis-server stands in for ElastiCache. It keeps nothing on disk: whatever it holds may be lost at any time. */
export const startValkey = (instance: Instance) => startDaemon(instance, redisServer(instance));
export const stopValkey = (instance: Instance) => stopDaemon(instance, valkeyName, stopWithinSeconds);

function redisServer(instance: Instance): Daemon {
  const port = instance.ports.valkey;
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: instance.directory, maxmemory: '256mb' };
  return {
    name: valkeyName,
    command: 'redis-server',
    args: [
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      '--maxmemory-policy',
      'volatile-lru',
    ],
    env: childEnvironment(),
    readyWithinSeconds: 15,
    stopWithinSeconds,
    isReady: () => answersPing(port),
  };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    const answer = (isReady: boolean) => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(1000, () => answer(false));
    socket.once('data', (data) => answer(data.toString().startsWith('+PONG')));
    socket.once('error', () => answer(false));
  });
}
