import { instanceNameFrom, readInstance } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { stopInstance } from '../local-cloud.ts';
import { say } from '../progress.ts';

export async function stop(): Promise<number> {
  const name = instanceNameFrom(process.env);
  return withInstanceLock(name, async () => {
    const instance = readInstance(name);
    if (instance === undefined) say(`The instance "${name}" was never started.`);
    else await stopInstance(instance);
    return 0;
  });
}
