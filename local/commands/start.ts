import { instanceNameFrom } from '../instance.ts';
import { withInstanceLock } from '../instance-lock.ts';
import { startInstance } from '../local-cloud.ts';
import { heading } from '../progress.ts';
import { showNextSteps, showSample } from '../sample.ts';

/** Brings everything up and shows the main job once. The services stay up when this command has ended. */
export async function start(args: readonly string[]): Promise<number> {
  const name = instanceNameFrom(process.env);
  return withInstanceLock(name, async () => {
    heading('Starting Airlock');
    const instance = await startInstance(name);
    if (!args.includes('--no-sample')) await showSample(instance);
    showNextSteps(instance);
    return 0;
  });
}
