// The ways out that Node has, then once more in a child process. As reach.py: where to on standard input, a line for each way.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [, file, mode, passed] = process.argv;
const text = passed ?? readFileSync(0, 'utf8');
const given = JSON.parse(text);
const prefix = given.prefix + (mode === 'child' ? 'child-' : '');
const WAIT_MS = 500;

async function attempt(name, work) {
  const outcome = await work(prefix + name).catch((error) => error.code ?? error.cause?.code ?? error.message);
  console.log(`${prefix}${name} ${outcome}`);
}

const greet = (options) => (name) =>
  new Promise((resolve, reject) => {
    const socket = connect(options, () => socket.write(`${name}\n`));
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('timeout')));
    socket.on('error', reject);
    socket.on('data', () => {
      resolve('REACHED');
      socket.destroy();
    });
    socket.on('close', () => resolve('closed'));
  });

const open = (options) => () =>
  new Promise((resolve, reject) => {
    const socket = connect(options, () => {
      resolve('REACHED');
      socket.destroy();
    });
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('timeout')));
    socket.on('error', reject);
  });

const ask = (address, port) => (name) =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (outcome) => {
      resolve(outcome);
      socket.close();
    };
    const impatience = setTimeout(() => end('timeout'), WAIT_MS);
    socket.on('error', (error) => {
      clearTimeout(impatience);
      reject(error);
    });
    socket.on('message', () => {
      clearTimeout(impatience);
      end('REACHED');
    });
    socket.send(name, port, address, (error) => {
      if (error) socket.emit('error', error);
    });
  });

const resolver = new Resolver({ timeout: WAIT_MS, tries: 1 });
for (const [name, [host, port]] of Object.entries(given.tcp ?? {})) await attempt(`tcp-${name}`, greet({ host, port }));
for (const [name, [host, port]] of Object.entries(given.port ?? {})) await attempt(`port-${name}`, open({ host, port }));
for (const [name, [host, port]] of Object.entries(given.udp ?? {})) await attempt(`udp-${name}`, ask(host, port));
for (const [name, path] of Object.entries(given.unix ?? {}))
  await attempt(`unix-${name}`, greet({ path: path.replace('@', '\0') }));
for (const [name, [host, port]] of Object.entries(given.http ?? {}))
  await attempt(`http-${name}`, async () => {
    const answer = await fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(WAIT_MS) });
    return answer.ok ? 'REACHED' : String(answer.status);
  });
if (given.domain) {
  await attempt('dns', async (name) => ((await lookup(`${name}.${given.domain}`, 4)) ? 'REACHED' : 'nothing'));
  await attempt('dns-own', async (name) => ((await resolver.resolve4(`${name}.${given.domain}`)) ? 'REACHED' : 'nothing'));
}
if (mode !== 'child') spawnSync(process.execPath, [file, 'child', text], { stdio: 'inherit' });
