import { join } from 'node:path';
import { binaryDirectory, instanceNameFrom, projectDirectory, writePrivateFile } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { startInstance } from '../local-cloud.ts';
import { heading } from '../progress.ts';
import { childEnvironment, runVisibly } from '../run.ts';
import { describeStatus } from './status.ts';

/** Measures on the running instance, starting it first where it is not; further arguments go to the measuring program. */
export async function bench(args: readonly string[]): Promise<number> {
  const name = instanceNameFrom(process.env);
  return withInstanceLock(name, async () => {
    heading('Preparing the instance');
    const instance = await startInstance(name);
    const statusFile = join(instance.directory, 'status.json');
    writePrivateFile(statusFile, JSON.stringify(describeStatus(instance), null, 2));
    return runVisibly(
      join(binaryDirectory, 'node'),
      [join(projectDirectory, 'test', 'bench', 'main.ts'), ...args],
      childEnvironment({ AIRLOCK_TEST_STATUS: statusFile, AIRLOCK_INSTANCE: name }),
      projectDirectory,
    );
  });
}
