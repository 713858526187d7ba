import { existsSync, writeFileSync } from 'node:fs';
import { LocalCloudFailure } from '../failure.ts';
import type { EngineKind } from '../prerequisites.ts';
import { type Outcome, run } from '../run.ts';

export interface SandboxNetwork {
  readonly kind: EngineKind;
  readonly network: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The network of this instance's sandboxes: no route out, nothing on the host answers from it, and no sandbox hears another. Only the
 * host may open connections, to a sandbox's address.
 */
export async function ensureSandboxNetwork(sandboxes: SandboxNetwork): Promise<void> {
  if ((await engine(sandboxes, ['network', 'inspect', sandboxes.network])).exitCode !== 0) await createNetwork(sandboxes);
  if (sandboxes.kind === 'podman') {
    const bridge = await describeBridge(sandboxes);
    await giveAddress(bridge);
    await refuse(bridge);
  }
}

export async function removeSandboxNetwork(sandboxes: SandboxNetwork): Promise<void> {
  if ((await engine(sandboxes, ['network', 'inspect', sandboxes.network])).exitCode !== 0) return;
  if (sandboxes.kind === 'podman') {
    for (const { command, table, rule } of refusals(await describeBridge(sandboxes)))
      await run(command, ['-w', '-t', table, '-D', ...rule]);
  }
  await engine(sandboxes, ['network', 'rm', sandboxes.network]);
}

/** Tries private networks one after the other: the engine refuses one that is in use on this machine. */
async function createNetwork(sandboxes: SandboxNetwork): Promise<void> {
  let refused = '';
  for (let third = 0; third < 256; third += 1) {
    const created = await engine(sandboxes, [
      ...['network', 'create', '--internal', '--label', `airlock.instance=${sandboxes.network}`],
      ...['--subnet', `10.89.${third}.0/24`, '--gateway', `10.89.${third}.1`, sandboxes.network],
    ]);
    if (created.exitCode === 0) return;
    refused = created.stderr.trim();
    if (!/subnet|overlap|pool|in use|being used/i.test(refused)) break;
  }
  throw new LocalCloudFailure(`The sandbox network could not be created: ${refused}`);
}

interface Bridge {
  readonly name: string;
  readonly gateway: string;
  /** The host's own address on it, with the length of the prefix. */
  readonly address: string;
}

async function describeBridge(sandboxes: SandboxNetwork): Promise<Bridge> {
  const { stdout, stderr } = await engine(sandboxes, ['network', 'inspect', sandboxes.network]);
  const [found] = (stdout === '' ? [] : JSON.parse(stdout)) as {
    network_interface: string;
    subnets: { subnet: string; gateway?: string }[];
  }[];
  const subnet = found?.subnets[0];
  if (found === undefined || subnet === undefined) {
    throw new LocalCloudFailure(`The sandbox network ${sandboxes.network} cannot be inspected: ${stderr.trim()}`);
  }
  const gateway = subnet.gateway ?? subnet.subnet.replace(/\.0\/\d+$/, '.1');
  return { name: found.network_interface, gateway, address: `${gateway}/${subnet.subnet.split('/')[1]}` };
}

/** Under podman's older plugins the host gets no address on an internal network, and could not reach a single sandbox. */
async function giveAddress({ name, address }: Bridge): Promise<void> {
  if ((await run('ip', ['link', 'show', name])).exitCode !== 0) await must('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
  await must('ip', ['address', 'replace', address, 'dev', name]);
  await must('ip', ['link', 'set', name, 'up']);
  switchOffIpv6(name);
}

/** Link-local addresses come by themselves, and the rule below is for IPv4. */
function switchOffIpv6(name: string): void {
  const setting = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(setting)) writeFileSync(setting, '1');
}

interface Refusal {
  readonly command: 'iptables' | 'ip6tables';
  readonly table: string;
  readonly rule: readonly string[];
}

/**
 * With that address, whatever listens on all of the host's addresses could be reached from a sandbox: only answers may come in. And
 * only to that address may a sandbox send, so to no other sandbox. The second rule stands in `raw`, where no rule of the engine that
 * accepts comes first.
 */
const refusals = ({ name, gateway }: Bridge): Refusal[] => {
  const comment = ['-m', 'comment', '--comment', 'airlock sandboxes', '-j', 'DROP'];
  const answersOnly = ['INPUT', '-i', name, '-m', 'conntrack', '!', '--ctstate', 'ESTABLISHED,RELATED', ...comment];
  const toHostOnly = ['PREROUTING', '-i', name, '!', '-d', gateway, ...comment];
  const nothing = ['PREROUTING', '-i', name, ...comment];
  return [
    { command: 'iptables', table: 'filter', rule: answersOnly },
    { command: 'iptables', table: 'raw', rule: toHostOnly },
    ...(existsSync('/proc/sys/net/ipv6') ? [{ command: 'ip6tables' as const, table: 'raw', rule: nothing }] : []),
  ];
};

async function refuse(bridge: Bridge): Promise<void> {
  await filterBetweenSandboxes(bridge);
  for (const { command, table, rule } of refusals(bridge)) {
    if ((await run(command, ['-w', '-t', table, '-C', ...rule])).exitCode === 0) continue;
    await must(command, ['-w', '-t', table, '-I', ...rule]);
  }
}

/** What a bridge passes from one of its ports to another is shown to these rules only if its own settings say so. */
async function filterBetweenSandboxes({ name }: Bridge): Promise<void> {
  // Built into some kernels, a module of others.
  await run('modprobe', ['br_netfilter']);
  for (const setting of ['nf_call_iptables', 'nf_call_ip6tables']) {
    const file = `/sys/class/net/${name}/bridge/${setting}`;
    if (existsSync(file)) writeFileSync(file, '1');
  }
}

const engine = ({ kind, env }: SandboxNetwork, args: readonly string[]): Promise<Outcome> => run(kind, args, { env });

async function must(command: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(command, args);
  if (exitCode !== 0)
    throw new LocalCloudFailure(`The sandbox network could not be set up: ${command} ${args.join(' ')}: ${stderr.trim()}`);
}
