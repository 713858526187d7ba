import { join } from 'node:path';
import { App, CliCredentialsStackSynthesizer } from 'aws-cdk-lib';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { bundleFunctions } from '../bundling.ts';
import { stageFrom } from '../config.ts';
import { ApplicationStack } from '../stacks/application.ts';
import { DataStack } from '../stacks/data.ts';
import { LocalNetworkStack } from '../stacks/network.ts';

const stage = stageFrom(process.env);
const app = new App();
const { local } = stage;
if (!local) throw new Error('production follows');
// The emulator checks the roles that `cdk bootstrap` makes more strictly than their policies allow.
const synthesizer = () => new CliCredentialsStackSynthesizer();
const { bundleOf, configuration } = bundleFunctions(join(app.outdir, 'functions'));
const largest = (name: 'memory_bytes' | 'cpu') =>
  Math.max(...Object.values(configuration.environments).map(({ limits }) => limits[name]));
const network = new LocalNetworkStack(app, 'airlock-local-network', { stage, local, synthesizer: synthesizer() });
const data = new DataStack(app, 'airlock-local-data', { stage, synthesizer: synthesizer() });
new ApplicationStack(app, 'airlock-local-application', {
  stage,
  data,
  network,
  bundleOf,
  synthesizer: synthesizer(),
  largestJob: { memoryBytes: largest('memory_bytes'), cpu: largest('cpu') },
  sandboxImage: () => ({
    image: ContainerImage.fromRegistry(local.sandboxImage),
    id: local.sandboxImageId,
    architecture: process.arch === 'arm64' ? 'ARM64' : 'X86_64',
  }),
  frontDoorSecret: local.frontDoorSecret,
});
