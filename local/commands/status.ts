import { runningDaemon } from '../daemon.ts';
import { lastOutputs } from '../deploy.ts';
import { defaultInstanceName, type Instance, instanceNameFrom, readInstance } from '../instance.ts';
import { partNames } from '../local-cloud.ts';
import { bold, green, red, say } from '../progress.ts';

export async function status(args: readonly string[]): Promise<number> {
  const name = instanceNameFrom(process.env);
  const instance = readInstance(name);
  const report = instance === undefined ? { instance: name, state: 'never started' as const } : describeStatus(instance);
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else if ('parts' in report) showStatus(report);
  else say(`The instance "${name}" was never started. ${name === defaultInstanceName ? 'Start it with: npm start' : ''}`);
  return 'parts' in report && report.state === 'running' ? 0 : 1;
}

/** What scripts and tests get to know about an instance. */
export function describeStatus(instance: Instance) {
  const parts = Object.fromEntries(
    partNames.map((part) => {
      const process = runningDaemon(instance, part);
      return [part, process === undefined ? { state: 'stopped' as const } : { state: 'running' as const, pid: process.pid }];
    }),
  );
  const running = Object.values(parts).filter(({ state }) => state === 'running').length;
  const state = running === 0 ? 'stopped' : running === partNames.length ? 'running' : 'partly running';
  return {
    instance: instance.name,
    state,
    url: instance.url,
    ws_url: instance.webSocketUrl,
    users: instance.users,
    parts,
    logs_dir: instance.logsDirectory,
    emulator_url: instance.emulatorUrl,
    valkey_url: instance.valkeyUrl,
    inbox_url: instance.inboxUrl,
    sandbox_network: instance.id,
    outputs: lastOutputs(instance) ?? {},
  } as const;
}

function showStatus(report: ReturnType<typeof describeStatus>): void {
  say(`${bold(report.url)} is ${report.state}`);
  for (const [part, { state }] of Object.entries(report.parts))
    say(`  ${part.padEnd(9)} ${state === 'running' ? green(state) : red(state)}`);
  say('\nUsers');
  for (const { role, email, password } of report.users) say(`  ${role.padEnd(10)} ${email.padEnd(24)} ${password}`);
  say(`\nLogs      ${report.logs_dir}\nEmulator  ${report.emulator_url}\nInbox     ${report.inbox_url}`);
}
