import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetFunctionCommand, LambdaClient, TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-lambda';
import { clientSettings, cloudEnvironment } from './cloud.ts';
import { deploymentFingerprint } from './deployment-fingerprint.ts';
import { LocalCloudFailure } from './failure.ts';
import { binaryDirectory, type Instance, projectDirectory } from './instance.ts';
import { step } from './progress.ts';
import { childEnvironment, run, tailOf } from './run.ts';
import type { SandboxImage } from './sandbox-image.ts';
import { readOutputs, type StackOutputs } from './stack-outputs.ts';

/**
 * Deploys the CDK app into the emulator, unless exactly this was deployed and is still there. What was deployed is written as a tag on
 * a deployed function: it lives and dies with the emulator's own state, so a crash that lost the stacks loses the tag with them.
 */
export async function deploy(instance: Instance, image: SandboxImage): Promise<StackOutputs> {
  const parameters = appParameters(instance, image);
  const fingerprint = deploymentFingerprint(projectDirectory, parameters);
  const earlier = await findDeployment(instance);
  if (earlier?.fingerprint === fingerprint) return earlier.outputs;

  if (earlier === undefined)
    await step('Prepare the emulated account (cdk bootstrap)', () => cdk(instance, parameters, ['bootstrap']));
  else await writeTag(instance, earlier.outputs, undefined);
  const title = 'Deploy the stacks (cdk deploy)';
  await step(title, () =>
    cdk(instance, parameters, ['deploy', '--all', '--require-approval', 'never', '--outputs-file', outputsFile(instance)]),
  );
  const outputs = readOutputs(readFileSync(outputsFile(instance), 'utf8'));
  await writeTag(instance, outputs, fingerprint);
  return outputs;
}

/** The outputs of the last deployment; `undefined` when there was none. It says nothing about whether it is still there. */
export function lastOutputs(instance: Instance): StackOutputs | undefined {
  try {
    return readOutputs(readFileSync(outputsFile(instance), 'utf8'));
  } catch {
    return undefined;
  }
}

interface Deployment {
  readonly outputs: StackOutputs;
  /** `undefined` when a deployment was begun and not finished. */
  readonly fingerprint: string | undefined;
}

async function findDeployment(instance: Instance): Promise<Deployment | undefined> {
  const outputs = lastOutputs(instance);
  if (outputs === undefined) return undefined;
  try {
    const { Tags } = await lambda(instance).send(new GetFunctionCommand({ FunctionName: outputs.KeeperFunctionName }));
    return { outputs, fingerprint: Tags?.[fingerprintTag] };
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

const fingerprintTag = 'airlock-local-deployment';

async function writeTag(instance: Instance, outputs: StackOutputs, fingerprint: string | undefined): Promise<void> {
  const client = lambda(instance);
  const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: outputs.KeeperFunctionName }));
  const Resource = Configuration?.FunctionArn;
  if (fingerprint === undefined) await client.send(new UntagResourceCommand({ Resource, TagKeys: [fingerprintTag] }));
  else await client.send(new TagResourceCommand({ Resource, Tags: { [fingerprintTag]: fingerprint } }));
}

const lambda = (instance: Instance) => new LambdaClient(clientSettings(instance));

const deployLog = (instance: Instance): string => join(instance.logsDirectory, 'deploy.log');
const outputsFile = (instance: Instance): string => join(instance.directory, 'stack-outputs.json');

/** What the CDK app reads from its environment in the local stage. */
const appParameters = (instance: Instance, image: SandboxImage): Record<string, string> => ({
  AIRLOCK_STAGE: 'local',
  AIRLOCK_FRONT_DOOR_SECRET: instance.frontDoorSecret,
  AIRLOCK_VALKEY_URL: instance.valkeyUrl,
  AIRLOCK_EMULATOR_URL: instance.emulatorUrl,
  AIRLOCK_SANDBOX_IMAGE: image.tag,
  AIRLOCK_SANDBOX_IMAGE_ID: image.imageId,
  AIRLOCK_PUBLIC_URL: instance.url,
});

async function cdk(instance: Instance, parameters: Readonly<Record<string, string>>, args: readonly string[]): Promise<void> {
  if (!existsSync(join(projectDirectory, 'cdk.json')))
    throw new LocalCloudFailure('There is no cdk.json, so nothing can be deployed.');
  const logFile = deployLog(instance);
  mkdirSync(instance.logsDirectory, { recursive: true });
  const home = join(instance.directory, 'cdk-home');
  mkdirSync(home, { recursive: true });
  const outcome = await run(
    join(binaryDirectory, 'cdk'),
    // Without a terminal, and on an output directory of its own: two instances may deploy at the same time.
    [...args, '--ci', '--output', join(instance.directory, 'cdk.out'), '--no-version-reporting', '--no-notices'],
    {
      cwd: projectDirectory,
      env: childEnvironment({ ...parameters, ...cloudEnvironment(instance), CDK_DISABLE_CLI_TELEMETRY: 'true', CDK_HOME: home }),
      logFile,
    },
  );
  if (outcome.exitCode !== 0) {
    throw new LocalCloudFailure(`cdk ${args[0]} failed. The end of ${logFile}:\n${tailOf(logFile, 40)}`);
  }
}
