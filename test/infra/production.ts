/** The production app as it would be deployed, synthesised once; the image's build context is not needed to read templates. */
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
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
const env = { region: REGION };
const app = new App();
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
  sandboxImage: () => ({ image: ContainerImage.fromRegistry('sandbox'), id: 'id', architecture: 'ARM64' }),
  frontDoorSecret: data.frontDoorSecret,
});
const frontDoor = new FrontDoorStack(app, 'airlock-front-door', {
  env,
  http: application.http.api,
  live: application.live.api,
  frontDoorSecret: data.frontDoorSecret,
});

const stacks = { data, network, application, frontDoor };
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

/** What each role of the application may do, by a name that says whose it is: `tasks-record`, `Execution`, … */
export function permissions(): Map<string, Statement[]> {
  const all = new Map<string, Statement[]>();
  const add = (roleId: string, statements: Statement[]) => all.set(roleId, [...(all.get(roleId) ?? []), ...statements]);
  const { application: template } = templates;
  for (const [id, policy] of Object.entries(template.findResources('AWS::IAM::Policy')) as [string, Resource][]) {
    for (const role of policy.Properties.Roles) add(role.Ref ?? id, policy.Properties.PolicyDocument.Statement);
  }
  for (const [id, role] of Object.entries(template.findResources('AWS::IAM::Role')) as [string, Resource][]) {
    for (const policy of role.Properties.Policies ?? []) add(id, policy.PolicyDocument.Statement);
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
