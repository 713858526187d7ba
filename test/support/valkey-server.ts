/** A redis-server of a test's own, which it may stop, freeze and start again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';

export interface ValkeyServer {
  readonly url: string;
  /** Ends it at once; what it held is lost. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** It accepts connections and answers nothing, until it is thawed. */
  freeze(): void;
  thaw(): void;
}

/** With `isCluster` it speaks cluster mode, as the one on AWS does, and is all of the cluster. */
export async function valkeyServer({ isCluster = false } = {}): Promise<ValkeyServer> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let running: { process: ReturnType<typeof spawn>; directory: string } | null = null;

  const start = async (): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'airlock-valkey-'));
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory];
    if (isCluster) settings.push('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    running = { process: spawn('redis-server', settings, { stdio: 'ignore' }), directory };
    await answers(url, isCluster);
  };
  const stop = async (): Promise<void> => {
    const ended = running;
    running = null;
    if (!ended) return;
    const exit = once(ended.process, 'exit');
    ended.process.kill('SIGKILL');
    await exit;
    rmSync(ended.directory, { recursive: true, force: true });
  };

  await start();
  return {
    url: isCluster ? `${url}?cluster=true` : url,
    start,
    stop,
    freeze: () => void running?.process.kill('SIGSTOP'),
    thaw: () => void running?.process.kill('SIGCONT'),
  };
}

async function answers(url: string, isCluster: boolean): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => {});
    try {
      await client.connect();
      if (isCluster) await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
      while (isCluster && !(await client.sendCommand<string>(['CLUSTER', 'INFO'])).includes('cluster_state:ok')) await pause();
      await client.ping();
      return;
    } catch {
      await pause();
    } finally {
      client.destroy();
    }
  }
  throw new Error(`no redis-server answers at ${url}`);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
