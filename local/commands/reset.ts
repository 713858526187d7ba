import { instanceNameFrom, readInstance } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { removeRemains, resetInstance } from '../local-cloud.ts';
import { say } from '../progress.ts';

export async function reset(): Promise<number> {
  const name = instanceNameFrom(process.env);
  return withInstanceLock(name, async () => {
    const instance = readInstance(name);
    if (instance === undefined) removeRemains(name);
    else await resetInstance(instance);
    say(`The instance "${name}" holds nothing any more.`);
    return 0;
  });
}
