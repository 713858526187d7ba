/**
 * Two walls stand around a guest: the filter refuses it every socket, and the network of its sandbox leads nowhere. Each must hold alone.
 * Every probe first shows, in a container with neither wall, that it arrives: one that arrives nowhere proves nothing.
 */
import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, removeSandboxes } from '../../sandbox/support.ts';
import { run, status } from '../../support/airlock.ts';
import { program, runInContainer, startNeighbour, startTarget, type Target } from './support.ts';

type Address = readonly [host: string, port: number];

interface Destinations {
  readonly tcp?: Readonly<Record<string, Address>>;
  readonly port?: Readonly<Record<string, Address>>;
  readonly udp?: Readonly<Record<string, Address>>;
  readonly http?: Readonly<Record<string, Address>>;
  readonly unix?: Readonly<Record<string, string>>;
  readonly ping?: string;
  readonly packet?: object;
  readonly domain?: string;
  readonly kernel?: boolean;
}

const LANGUAGES = {
  python: { command: ['/usr/bin/python3', '/programs/reach.py'], file: 'reach.py' },
  nodejs: { command: ['/usr/local/bin/node', '/programs/reach.js'], file: 'reach.js' },
  bash: { command: ['/usr/bin/bash', '/programs/reach.sh'], file: 'reach.sh' },
} as const;
type ProbeLanguage = keyof typeof LANGUAGES;
const languages = Object.keys(LANGUAGES) as ProbeLanguage[];

let target: Target;
let gateway: string;
let otherSandbox: string;

beforeAll(async () => {
  target = await startTarget();
  gateway = await command('network', 'inspect', '--format', '{{range .Subnets}}{{.Gateway}}{{end}}', status.sandbox_network);
  otherSandbox = await startNeighbour(status.sandbox_network);
});
afterAll(async () => {
  await target?.stop();
  await removeSandboxes();
});

const portOf = (url: string): number => Number(new URL(url).port);

/** What stands on this machine, seen from `host`: a listener of the test's, and the parts of Airlock itself. */
function machine(host: string): Destinations {
  return {
    tcp: { target: [host, target.tcp] },
    udp: { target: [host, target.udp] },
    port: {
      emulator: [host, portOf(status.emulator_url)],
      valkey: [host, portOf(status.valkey_url)],
      edge: [host, portOf(status.url)],
    },
    domain: 'airlock.test',
  };
}

const anywhere = (): Destinations => ({
  ...machine('127.0.0.1'),
  tcp: { target: ['127.0.0.1', target.tcp], host: [target.address, target.tcp], ipv6: ['::1', target.tcp] },
  http: { emulator: ['127.0.0.1', portOf(status.emulator_url)] },
  unix: { abstract: `@${target.name}`, path: '/outside/outside' },
  packet: { source: '198.51.100.7', to: [target.address, target.udp], device: 'lo', hardware: '000000000000' },
  kernel: true,
});

interface Probe {
  readonly name: string;
  readonly outcome: string;
}

function readProbes(text: string): Probe[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), outcome: line.slice(line.indexOf(' ') + 1) }));
}

/** Names without the prefix of their run, so that the runs can be compared. */
const bare = (names: Iterable<string>, prefix: string): string[] =>
  [...names]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .sort();

interface Attempt {
  readonly tried: string[];
  readonly reached: string[];
  readonly outcomes: Readonly<Record<string, string>>;
}

let attempts = 0;

/** Runs the probes of a language; what got somewhere is what it says itself, and what the target heard. */
async function probe(
  language: ProbeLanguage,
  where: Destinations,
  runProgram: (stdin: string, language: ProbeLanguage) => Promise<string>,
): Promise<Attempt> {
  attempts += 1;
  const prefix = `${language}-${attempts}-`;
  const probes = readProbes(await runProgram(JSON.stringify({ prefix, ...where }), language));
  const arrived = [...target.arrived()];
  const reached = new Set([...arrived, ...probes.filter(({ outcome }) => outcome === 'REACHED').map(({ name }) => name)]);
  return {
    tried: bare(
      probes.map(({ name }) => name),
      prefix,
    ),
    reached: bare(reached, prefix),
    outcomes: Object.fromEntries(probes.map(({ name, outcome }) => [name.slice(prefix.length), outcome])),
  };
}

const onTheHost = (walls: 'bare' | 'filtered') => (stdin: string, language: ProbeLanguage) =>
  runInContainer(
    { walls, network: 'host', options: ['--dns', target.address, '--volume', `${target.directory}:/outside`] },
    LANGUAGES[language].command,
    stdin,
  );

/** A name server that does not answer is asked once. */
const IMPATIENT = ['--dns-opt', 'timeout:1', '--dns-opt', 'attempts:1'];

const onTheSandboxNetwork = (stdin: string, language: ProbeLanguage) =>
  runInContainer(
    { walls: 'bare', network: status.sandbox_network, options: ['--dns', target.address, ...IMPATIENT] },
    LANGUAGES[language].command,
    stdin,
  );

/** A container in which a metadata service, a credential service and a supervisor answer where a task has them. */
const besideTaskServices = (walls: 'bare' | 'filtered') => (stdin: string, language: ProbeLanguage) =>
  runInContainer(
    {
      walls,
      network: 'none',
      options: ['--cap-add=net_admin', '--sysctl', 'net.ipv4.ping_group_range=0 2147483647'],
      before: ['/usr/bin/python3', '/programs/own-network.py'],
    },
    LANGUAGES[language].command,
    stdin,
  );

const taskServices: Destinations = {
  ping: '127.0.0.1',
  port: { metadata: ['169.254.169.254', 80], credentials: ['169.254.170.2', 80], supervisor: ['127.0.0.1', 8090] },
};

async function inSandbox(stdin: string, language: ProbeLanguage): Promise<string> {
  const result = await run({ language, code: program(LANGUAGES[language].file), input_data: JSON.parse(stdin) });
  if (result.status !== 'completed') throw new Error(`the probes failed: ${JSON.stringify([result.error, result.error_output])}`);
  return result.output;
}

describe.each(languages)('a guest reaches nothing: %s', (language) => {
  const reach = new Map<string, Attempt>();

  it('though each probe arrives where neither wall stands', async () => {
    const everywhere = await probe(language, anywhere(), onTheHost('bare'));
    const services = await probe(language, taskServices, besideTaskServices('bare'));
    for (const attempt of [everywhere, services]) {
      expect(attempt.reached, JSON.stringify(attempt.outcomes)).toEqual(attempt.tried);
      expect(attempt.tried.some((name) => name.startsWith('child-'))).toBe(true);
    }
    reach.set('everywhere', everywhere).set('services', services);
  });

  it('with the filter alone, as root on an open network', async () => {
    const everywhere = await probe(language, anywhere(), onTheHost('filtered'));
    const services = await probe(language, taskServices, besideTaskServices('filtered'));
    expect(everywhere.tried).toEqual(reach.get('everywhere')?.tried);
    expect(services.tried).toEqual(reach.get('services')?.tried);
    expect([...everywhere.reached, ...services.reached]).toEqual([]);
  });

  it('with the network alone, as root without the filter', async () => {
    const before = await probe(language, { port: { sandbox: [otherSandbox, 8090] } }, onTheHost('bare'));
    expect(before.reached).toEqual(before.tried);
    const where: Destinations = {
      ...machine(gateway),
      tcp: { target: [gateway, target.tcp], host: [target.address, target.tcp], ipv6: ['::1', target.tcp] },
      port: { ...machine(gateway).port, ...withoutSupervisor(taskServices.port), sandbox: [otherSandbox, 8090] },
      unix: { abstract: `@${target.name}`, path: '/outside/outside' },
      ping: gateway,
      packet: { source: '198.51.100.7', to: [gateway, target.udp], device: 'eth0', hardware: 'ffffffffffff' },
    };
    const attempt = await probe(language, where, onTheSandboxNetwork);
    expect(attempt.tried.length).toBeGreaterThan(before.tried.length);
    expect(attempt.reached, JSON.stringify(attempt.outcomes)).toEqual([]);
  });

  it('in a real sandbox, from its own process and from a child', async () => {
    const machineWide = machine(gateway);
    const where: Destinations = {
      ...anywhere(),
      ping: gateway,
      tcp: { ...anywhere().tcp, gateway: [gateway, target.tcp] },
      port: { ...anywhere().port, ...prefixed('gateway', machineWide.port), ...taskServices.port, sandbox: [otherSandbox, 8090] },
      packet: { source: '198.51.100.7', to: [gateway, target.udp], device: 'eth0', hardware: 'ffffffffffff' },
    };
    const attempt = await probe(language, where, inSandbox);
    expect(attempt.tried).toEqual(expect.arrayContaining(reach.get('everywhere')?.tried ?? ['nothing was tried before']));
    expect(attempt.reached).toEqual([]);
    // Python says which of the walls answered: the filter refuses each before the network is asked.
    if (language === 'python')
      expect(new Set(Object.values(attempt.outcomes))).toEqual(new Set(['EPERM', 'ENOSYS', 'no address']));
  });
});

const withoutSupervisor = (ports: Destinations['port']) =>
  Object.fromEntries(Object.entries(ports ?? {}).filter(([name]) => name !== 'supervisor'));
const prefixed = (word: string, ports: Destinations['port']) =>
  Object.fromEntries(Object.entries(ports ?? {}).map(([name, address]) => [`${word}-${name}`, address]));

describe('a guest reaches nothing: sql', () => {
  const escapes = [
    "ATTACH DATABASE 'file:/tmp/escape.db?mode=rwc' AS outside",
    "VACUUM INTO '/tmp/escape.db'",
    "SELECT load_extension('/usr/lib/airlock/nothing')",
  ];

  it('though each statement gets to its target in a database without our rules', () => {
    const open = new DatabaseSync(':memory:');
    const [attach = '', vacuum = ''] = escapes;
    // Node itself never switches the third one on.
    open.exec(attach.replace('/tmp/escape', `/tmp/escape-${process.pid}`));
    open.exec(vacuum.replace('/tmp/escape', `/tmp/escape-into-${process.pid}`));
    for (const name of ['escape', 'escape-into']) {
      expect(existsSync(`/tmp/${name}-${process.pid}.db`)).toBe(true);
      rmSync(`/tmp/${name}-${process.pid}.db`);
    }
  });

  it.each(escapes)('%s is refused', async (statement) => {
    const result = await run({ language: 'sql', code: `SELECT 1 AS before;\n${statement};\nSELECT 2 AS after;` });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'program_failed' } });
    expect(result.output).toBe('{"columns":["before"],"rows":[[1]],"truncated":false}\n');
    expect(result.error_output).toMatch(/statement 2.*(not authorized|authorization denied|too many attached databases)/);
  });
});
