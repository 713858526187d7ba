import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { stageFrom } from '../../infra/config.ts';
import { localStage } from '../../infra/stages/local.ts';
import { configuration } from '../support/configuration.ts';
import { actionsOf, entryOfRole, permissions, type Resource, resourcesOf, type Statement } from './production.ts';

const environment = {
  AIRLOCK_STAGE: 'local',
  AIRLOCK_EMULATOR_URL: 'http://127.0.0.1:4566',
  AIRLOCK_VALKEY_URL: 'redis://127.0.0.1:6379',
  AIRLOCK_PUBLIC_URL: 'http://127.0.0.1:8080',
  AIRLOCK_FRONT_DOOR_SECRET: 'secret',
  AIRLOCK_SANDBOX_IMAGE: 'airlock-sandbox:local',
  AIRLOCK_SANDBOX_IMAGE_ID: 'id',
};

const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8'));
const app = new App({ context });
const stage = stageFrom(environment);
if (!stage.local) throw new Error('the local stage has no settings');
localStage(app, stage, stage.local, { bundleOf: (name) => join(import.meta.dirname, '../../functions', name), configuration });
const stacks = new Map(app.node.children.map((stack) => [stack.node.id, Template.fromStack(stack as Stack)]));
const application = stacks.get('airlock-local-application');

/** What the emulator refuses a whole stack for, or serves with nothing behind it; `npm start` puts something else in its place. */
const NOT_EMULATED =
  /^AWS::(ElastiCache|WAFv2|CloudFront|Route53Resolver)::|^AWS::EC2::(VPCPeeringConnection|SecurityGroupIngress|SecurityGroupEgress|FlowLog|NetworkAcl|NatGateway|EIP)$|^^AWS::CloudWatch::|^AWS::ApiGateway::Account$|^Custom::/;

/** What only AWS asks a function's role for: tracing, its own encryption, network interfaces, and letters set aside under a key. */
const ONLY_ON_AWS = /^(xray|kms:(Decrypt|DescribeKey|Encrypt|GenerateDataKey\*?|ReEncrypt(\*|From|To)))|^ec2:/;

describe('the local stage', () => {
  it('holds nothing that the emulator does not know', () => {
    const types = [...stacks.values()].flatMap((template) =>
      Object.values(template.toJSON().Resources as Record<string, Resource>).map((resource) => resource.Type),
    );
    expect(types.length).toBeGreaterThan(100);
    expect(types.filter((type) => NOT_EMULATED.test(type))).toEqual([]);
  });

  it('lets every function do the same as on AWS', () => {
    const onAws = new Map([...permissions()].map(([role, statements]) => [entryOfRole(role), actionsIn(statements)]));
    onAws.delete(null);
    const here = localPermissions();
    expect([...here.keys()].sort()).toEqual([...onAws.keys()].sort());
    for (const [entry, statements] of here) expect(actionsIn(statements), entry).toEqual(onAws.get(entry));
  });

  it('widens a resource to `*` for task tokens and mail only, which the emulator knows no other way', () => {
    const wide = [...localPermissions().values()].flat().filter((statement) => resourcesOf(statement).includes('*'));
    expect([...new Set(wide.flatMap(actionsOf))]).toEqual(['states:SendTaskSuccess', 'ses:SendEmail']);
  });

  it('is removed whole', () => {
    for (const [stack, template] of stacks) {
      for (const [id, resource] of Object.entries(template.toJSON().Resources as Record<string, { DeletionPolicy?: string }>))
        expect(resource.DeletionPolicy, `${stack}/${id}`).not.toBe('Retain');
    }
  });

  it.each(Object.keys(environment).filter((name) => name !== 'AIRLOCK_STAGE'))('names %s when it is missing', (name) => {
    expect(() => stageFrom({ ...environment, [name]: '' })).toThrow(`the local stage needs ${name}`);
  });

  it('refuses a stage nobody knows, and a dispatcher that outlives its function', () => {
    expect(() => stageFrom({ AIRLOCK_STAGE: 'staging' })).toThrow('AIRLOCK_STAGE must be production or local; it is "staging"');
    expect(() => stageFrom({ ...environment, AIRLOCK_DISPATCH_BUDGET_MS: '900000' })).toThrow('AIRLOCK_DISPATCH_BUDGET_MS');
  });
});

const actionsIn = (statements: readonly Statement[]): string[] =>
  [...new Set(statements.flatMap(actionsOf))].filter((action) => !ONLY_ON_AWS.test(action)).sort();

/** What each function's role may do in the local stage, by entry point. */
function localPermissions(): Map<string, Statement[]> {
  const found = new Map<string, Statement[]>();
  const policies = Object.values(application?.findResources('AWS::IAM::Policy') ?? {}) as Resource[];
  for (const fn of Object.values(application?.findResources('AWS::Lambda::Function') ?? {}) as Resource[]) {
    const role = fn.Properties.Role['Fn::GetAtt'][0];
    const entry = String(fn.Properties.FunctionName).replace('airlock-local-', '').replace('-', '/');
    found.set(
      entry,
      policies
        .filter((policy) => policy.Properties.Roles.some((one: { Ref: string }) => one.Ref === role))
        .flatMap((policy) => policy.Properties.PolicyDocument.Statement),
    );
  }
  return found;
}
