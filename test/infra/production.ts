/** The production app as it would be deployed, synthesised once. The image's build context is not needed to read templates. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { DockerImageAsset } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { largestJob } from '../../infra/bundling.ts';
import { stageFrom } from '../../infra/config.ts';
import { ApplicationStack } from '../../infra/stacks/application.ts';
import { AwsNetworkStack, REGION } from '../../infra/stacks/aws-network.ts';
import { DataStack } from '../../infra/stacks/data.ts';
import { FrontDoorStack } from '../../infra/stacks/front-door.ts';
import { configuration } from '../support/configuration.ts';

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of any shape
  readonly Properties: any;
}

const stage = stageFrom({ AIRLOCK_STAGE: 'production' });
const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8'));
const imageDirectory = mkdtempSync(join(tmpdir(), 'airlock-image-'));
writeFileSync(join(imageDirectory, 'Dockerfile'), 'FROM scratch\n');
process.on('exit', () => rmSync(imageDirectory, { recursive: true, force: true }));

/** All stacks as `cdk` makes them: with an account when it has credentials, without one when it has none. */
export function productionApp(account?: string) {
  const env = { region: REGION, ...(account ? { account } : {}) };
  const app = new App({ context });
  const data = new DataStack(app, 'airlock-data', { stage, env });
  if (!data.encryptionKey) throw new Error('production has no encryption key');
  const network = new AwsNetworkStack(app, 'airlock-network', { stage, env, encryptionKey: data.encryptionKey });
  const application = new ApplicationStack(app, 'airlock-application', {
    stage,
    env,
    data,
    network,
    bundleOf: (name) => join(import.meta.dirname, '../../functions', name),
    largestJob: largestJob(configuration),
    configuration,
    sandboxImage: (scope) => {
      const asset = new DockerImageAsset(scope, 'SandboxImage', { directory: imageDirectory });
      return { image: ContainerImage.fromDockerImageAsset(asset), id: 'id', architecture: 'ARM64' };
    },
    frontDoorSecret: data.frontDoorSecret,
  });
  const frontDoor = new FrontDoorStack(app, 'airlock-front-door', {
    env,
    http: application.http.api,
    live: application.live.api,
    frontDoorSecret: data.frontDoorSecret,
    encryptionKey: data.encryptionKey,
  });
  return { app, stacks: { data, network, application, frontDoor } };
}

const { stacks } = productionApp();
export const templates = Object.fromEntries(
  Object.entries(stacks).map(([name, stack]) => [name, Template.fromStack(stack)]),
) as Record<keyof typeof stacks, Template>;

/** Every resource of one type in all stacks, by stack and logical id. */
export function resources(type: string): [id: string, resource: Resource][] {
  return Object.entries(templates).flatMap(([stack, template]) =>
    Object.entries(template.findResources(type)).map(([id, resource]): [string, Resource] => [
      `${stack}/${id}`,
      resource as Resource,
    ]),
  );
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

const listOf = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);
export const actionsOf = (statement: Statement): string[] => listOf(statement.Action);
export const resourcesOf = (statement: Statement): unknown[] => listOf(statement.Resource);

/** What each role may do, in all stacks, by its logical id. */
export function permissions(): Map<string, Statement[]> {
  const all = new Map<string, Statement[]>();
  const add = (roleId: string, statements: Statement[]) => all.set(roleId, [...(all.get(roleId) ?? []), ...statements]);
  for (const [id, policy] of resources('AWS::IAM::Policy')) {
    for (const role of policy.Properties.Roles) add(role.Ref ?? id, policy.Properties.PolicyDocument.Statement);
  }
  for (const [id, role] of resources('AWS::IAM::Role')) {
    for (const policy of role.Properties.Policies ?? []) add(id.split('/')[1] ?? id, policy.PolicyDocument.Statement);
  }
  return all;
}

/** The entry point a function's role belongs to, as `tasks/record`; null for roles of other services. */
export function entryOfRole(roleId: string): string | null {
  for (const fn of Object.values(templates.application.findResources('AWS::Lambda::Function')) as Resource[]) {
    if (fn.Properties.Role?.['Fn::GetAtt']?.[0] !== roleId) continue;
    return String(fn.Properties.FunctionName).replace('airlock-production-', '').replace('-', '/');
  }
  return null;
}

/** Entry points that may do this action, sorted. */
export function whoMay(action: string, matches: (resource: unknown) => boolean = () => true): string[] {
  const holders = [...permissions()].filter(([, statements]) =>
    statements.some(
      (statement) =>
        statement.Effect === 'Allow' && actionsOf(statement).includes(action) && resourcesOf(statement).some(matches),
    ),
  );
  return [...new Set(holders.map(([role]) => entryOfRole(role) ?? role.replace(/Role[0-9A-F]+$/, '')))].sort();
}

/** A value of a template as one line of text, so that two ways of writing the same can be compared: `arn:<AWS::Partition>:…`. */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, content] = ['', '']] = Object.entries(value);
  if (name === 'Ref') return `<${content}>`;
  if (name === 'Fn::Join') return content[1].map(textOf).join(content[0]);
  if (name === 'Fn::Sub') return String(content).replaceAll(/\$\{([^}]+)\}/g, '<$1>');
  if (name === 'Fn::GetAtt') return `<${content.join('.')}>`;
  if (name === 'Fn::ImportValue') return `<${content}>`;
  return JSON.stringify(value);
}

/** Lambda functions by entry point. */
export const functions = (): Map<string, Resource> =>
  new Map(
    resources('AWS::Lambda::Function').map(([, fn]) => [
      String(fn.Properties.FunctionName).replace('airlock-production-', '').replace('-', '/'),
      fn,
    ]),
  );
