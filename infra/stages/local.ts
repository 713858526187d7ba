import { type App, CliCredentialsStackSynthesizer } from 'aws-cdk-lib';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { type Bundles, largestJob } from '../bundling.ts';
import type { LocalSettings, Stage } from '../config.ts';
import { ApplicationStack } from '../stacks/application.ts';
import { DataStack } from '../stacks/data.ts';
import { LocalNetworkStack } from '../stacks/network.ts';

/** The stacks that stand in the emulator. What it does not know (firewalls, peering, cache) is on the machine itself. */
export function localStage(app: App, stage: Stage, local: LocalSettings, { bundleOf, configuration }: Bundles): void {
  // The emulator checks the roles that `cdk bootstrap` makes more strictly than their policies allow.
  const synthesizer = () => new CliCredentialsStackSynthesizer();
  const network = new LocalNetworkStack(app, 'airlock-local-network', { stage, local, synthesizer: synthesizer() });
  const data = new DataStack(app, 'airlock-local-data', { stage, synthesizer: synthesizer() });
  new ApplicationStack(app, 'airlock-local-application', {
    stage,
    data,
    network,
    bundleOf,
    largestJob: largestJob(configuration),
    configuration,
    sandboxImage: () => ({
      image: ContainerImage.fromRegistry(local.sandboxImage),
      id: local.sandboxImageId,
      architecture: process.arch === 'arm64' ? 'ARM64' : 'X86_64',
    }),
    frontDoorSecret: local.frontDoorSecret,
    synthesizer: synthesizer(),
  });
}
