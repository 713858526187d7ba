import { bench } from './commands/bench.ts';
import { logs } from './commands/logs.ts';
import { reset } from './commands/reset.ts';
import { start } from './commands/start.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { test } from './commands/test.ts';
import { verify } from './commands/verify.ts';
import { LocalCloudFailure } from './failure.ts';
import { red } from './progress.ts';

/** Each takes its arguments and gives back the exit code. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  start,
  stop,
  status,
  logs,
  reset,
  test,
  verify,
  bench,
};

const usage = `Usage: npm run local -- <command>

  start [--no-sample]   install what is missing, start everything, deploy, show a sample run
  stop                  stop everything and keep its state
  status [--json]       the parts, the address, the users
  logs [part] [-f]      what the parts say; -f follows
  reset                 stop, and delete everything the instance holds
  test [--soak]         verify, then all other tests, on an instance of their own
  verify                format, lint, types, dead code, unit tests, synthesis for AWS
  bench                 measure, on the instance behind npm start
`;

const [name = 'help', ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  console.error(usage);
  process.exitCode = name === 'help' || name === '--help' ? 0 : 2;
} else {
  try {
    process.exitCode = await command(args);
  } catch (error) {
    if (!(error instanceof LocalCloudFailure)) throw error;
    console.error(`\n${red('airlock:')} ${error.message}`);
    process.exitCode = 1;
  }
}
