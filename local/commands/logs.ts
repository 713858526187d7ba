import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LocalCloudFailure } from '../failure.ts';
import { instanceNameFrom, readInstance } from '../instance.ts';
import { childEnvironment, runVisibly } from '../run.ts';

/** Shows the end of each part's log, or of one part's. With -f it goes on showing what is added. */
export async function logs(args: readonly string[]): Promise<number> {
  const instance = readInstance(instanceNameFrom(process.env));
  if (instance === undefined) throw new LocalCloudFailure('There are no logs: the instance was never started.');
  const names = readdirSync(instance.logsDirectory)
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -'.log'.length));
  const wanted = args.filter((arg) => !arg.startsWith('-'));
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new LocalCloudFailure(`There is no log of ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  const files = (wanted.length > 0 ? wanted : names).map((name) => join(instance.logsDirectory, `${name}.log`));
  const follow = args.includes('-f') ? ['--follow'] : [];
  return runVisibly('tail', ['--lines=40', ...follow, ...files], childEnvironment());
}
