import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOCK_TASKS } from '../../infra/constructs/approval-clock.ts';
import { MACHINE_TASKS } from '../../infra/constructs/execution-machine.ts';
import { fargateSizeFor } from '../../infra/constructs/sandbox-tasks.ts';
import {
  actionsOf,
  entryOfRole,
  functions,
  permissions,
  type Resource,
  resources,
  resourcesOf,
  type Statement,
  templates,
  textOf,
  whoMay,
} from './production.ts';

const definitionOf = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../statemachines/${name}.asl.json`), 'utf8'));
const aboutTable = (name: string) => (resource: unknown) => JSON.stringify(resource).includes(`${name}Table`);

describe('the networks have no way out', () => {
  it('no NAT, no internet gateway, no route to everywhere', () => {
    for (const type of [
      'AWS::EC2::NatGateway',
      'AWS::EC2::InternetGateway',
      'AWS::EC2::EIP',
      'AWS::EC2::EgressOnlyInternetGateway',
    ]) {
      expect(resources(type), type).toEqual([]);
    }
    const routes = resources('AWS::EC2::Route');
    expect(routes.length).toBeGreaterThan(0);
    for (const [id, route] of routes) {
      expect(route.Properties.VpcPeeringConnectionId, id).toBeDefined();
      expect(['10.80.0.0/20', '10.90.0.0/20'], id).toContain(route.Properties.DestinationCidrBlock);
    }
  });

  it('no subnet gives public addresses', () => {
    for (const [id, subnet] of resources('AWS::EC2::Subnet')) expect(subnet.Properties.MapPublicIpOnLaunch, id).toBe(false);
  });

  it('no security group lets anything out to everywhere, or in from everywhere', () => {
    const rules = [
      ...resources('AWS::EC2::SecurityGroup').flatMap(([id, group]) =>
        [...(group.Properties.SecurityGroupEgress ?? []), ...(group.Properties.SecurityGroupIngress ?? [])].map(
          (rule) => [id, rule] as const,
        ),
      ),
      ...resources('AWS::EC2::SecurityGroupEgress').map(([id, rule]) => [id, rule.Properties] as const),
      ...resources('AWS::EC2::SecurityGroupIngress').map(([id, rule]) => [id, rule.Properties] as const),
    ];
    for (const [id, rule] of rules) {
      expect(rule.CidrIpv6, id).toBeUndefined();
      // The library writes "nothing" as one address that answers to nobody.
      if (rule.CidrIp !== undefined) expect(['255.255.255.255/32', '10.90.0.0/20'], id).toContain(rule.CidrIp);
    }
  });

  it('a sandbox reaches the image registry and nothing else; only dispatchers reach a sandbox', () => {
    const isSandboxGroup = (value: unknown) => JSON.stringify(value).includes('SandboxGroup');
    const out = resources('AWS::EC2::SecurityGroupEgress').filter(([, rule]) => isSandboxGroup(rule.Properties.GroupId));
    const inline = resources('AWS::EC2::SecurityGroup').find(([id]) => id.includes('SandboxGroup'));
    const targets = [...out.map(([, rule]) => rule.Properties), ...(inline?.[1].Properties.SecurityGroupEgress ?? [])].map(
      (rule) =>
        [
          rule.ToPort,
          rule.DestinationPrefixListId ??
            (JSON.stringify(rule.DestinationSecurityGroupId).includes('SandboxEndpoints') ? 'endpoints' : rule),
        ] as const,
    );
    expect(targets.sort()).toEqual([
      [443, 'endpoints'],
      [443, 'pl-63a5400a'],
    ]);
    const into = resources('AWS::EC2::SecurityGroupIngress').filter(([, rule]) => isSandboxGroup(rule.Properties.GroupId));
    expect(into).toHaveLength(1);
    expect(into[0]?.[1].Properties).toMatchObject({ FromPort: 8090, ToPort: 8090 });
    expect(JSON.stringify(into[0]?.[1].Properties.SourceSecurityGroupId)).toContain('DispatcherGroup');
  });

  it('four interface endpoints, three gateways, each with a policy', () => {
    const endpoints = resources('AWS::EC2::VPCEndpoint').map(([, endpoint]) => endpoint.Properties);
    expect(endpoints.filter((endpoint) => endpoint.VpcEndpointType === 'Interface')).toHaveLength(4);
    expect(endpoints.filter((endpoint) => endpoint.VpcEndpointType === 'Gateway')).toHaveLength(3);
    for (const endpoint of endpoints) expect(endpoint.PolicyDocument).toBeDefined();
  });

  /** The policy of the endpoint with this logical id. */
  const policyOf = (endpointId: string): Statement[] =>
    resources('AWS::EC2::VPCEndpoint').find(([id]) => id.startsWith(`network/${endpointId}`))?.[1].Properties.PolicyDocument
      .Statement ?? [];

  it.each(['SandboxesVpcEcrApi', 'SandboxesVpcEcrDocker'])(
    'the endpoint %s serves the role that pulls the image, from its repository, and nobody else',
    (endpoint) => {
      const [token, pull, ...more] = policyOf(endpoint);
      expect(more).toEqual([]);
      const role = resources('AWS::IAM::Role').find(([id]) => id.includes('ImagePuller'))?.[1].Properties.RoleName;
      for (const statement of [token, pull]) {
        const { ArnEquals: principal } = (statement?.Condition ?? {}) as Record<string, Record<string, unknown>>;
        expect(textOf(principal?.['aws:PrincipalArn'])).toBe(`arn:<AWS::Partition>:iam::<AWS::AccountId>:role/${role}`);
      }
      expect(token?.Action).toBe('ecr:GetAuthorizationToken');
      const granted = [...permissions()]
        .find(([id]) => id.includes('ImagePuller'))?.[1]
        .find((statement) => actionsOf(statement).includes('ecr:BatchGetImage'));
      expect([pull?.Action].flat().sort()).toEqual(granted && actionsOf(granted).sort());
      expect(textOf(pull?.Resource)).toBe(textOf(granted?.Resource));
    },
  );

  it('sandboxes read image layers from the registry’s bucket alone', () => {
    expect(policyOf('SandboxesVpcLayers').map(({ Action, Resource }) => [Action, textOf(Resource)])).toEqual([
      ['s3:GetObject', 'arn:<AWS::Partition>:s3:::prod-us-east-1-starport-layer-bucket/*'],
    ]);
  });

  it('functions inside can do through the endpoints what their roles allow, and nothing beyond this account', () => {
    const inside = new Set([...functions()].flatMap(([entry, fn]) => (fn.Properties.VpcConfig ? [entry] : [])));
    const wanted = new Set(
      [...permissions()]
        .filter(([role]) => inside.has(entryOfRole(role) ?? ''))
        .flatMap(([, statements]) => statements.flatMap(actionsOf))
        .filter((action) => /^(dynamodb|s3|states|lambda):/.test(action)),
    );
    const statements = ['DynamoDb', 'S3', 'StepFunctions', 'Lambda'].flatMap((name) => policyOf(`ApplicationVpc${name}`));
    for (const statement of statements) {
      expect(statement.Condition).toEqual({
        StringEquals: { 'aws:PrincipalAccount': { Ref: 'AWS::AccountId' }, 'aws:ResourceAccount': { Ref: 'AWS::AccountId' } },
      });
    }
    const passed = new Set(statements.flatMap(actionsOf));
    expect([...wanted].filter((action) => !passed.has(action))).toEqual([]);
  });

  it('functions stand inside only to reach Valkey or a sandbox', () => {
    const standing = (group: string) =>
      [...functions()]
        .filter(([, fn]) => JSON.stringify(fn.Properties.VpcConfig?.SecurityGroupIds ?? '').includes(group))
        .map(([entry]) => entry)
        .sort();
    expect(standing('FunctionGroup')).toEqual([
      'api/approvals',
      'api/audit',
      'api/executions',
      'api/files',
      'api/health',
      'api/live',
      'api/notifications',
      'api/security',
      'live/catch-up',
      'tasks/check-limits',
      'tasks/record',
    ]);
    expect(standing('DispatcherGroup')).toEqual(['tasks/cancel-run', 'tasks/probe-sandbox', 'tasks/run-in-sandbox']);
    expect([...functions().values()].filter((fn) => fn.Properties.VpcConfig)).toHaveLength(14);
  });

  it('sandboxes resolve the registry’s names and no other', () => {
    templates.network.hasResourceProperties('AWS::Route53Resolver::FirewallRuleGroup', {
      FirewallRules: [{ Action: 'ALLOW' }, { Action: 'BLOCK', BlockResponse: 'NXDOMAIN', Priority: 2 }],
    });
    const names = resources('AWS::Route53Resolver::FirewallDomainList').map(([, list]) => list.Properties.Domains.map(textOf));
    expect(names.sort()).toEqual([
      ['*'],
      [
        'api.ecr.us-east-1.amazonaws.com',
        '<AWS::AccountId>.dkr.ecr.us-east-1.amazonaws.com',
        'prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com',
        'prod-us-east-1-starport-layer-bucket.s3.amazonaws.com',
      ],
    ]);
  });
});

describe('a sandbox task', () => {
  const [task] = Object.values(templates.application.findResources('AWS::ECS::TaskDefinition')) as Resource[];
  const container = task?.Properties.ContainerDefinitions[0];

  it('has no role', () => {
    expect(task?.Properties.TaskRoleArn).toBeUndefined();
    expect(Object.keys(templates.application.findResources('AWS::IAM::Role')).filter((id) => id.includes('TaskRole'))).toEqual(
      [],
    );
  });

  it('has a read-only root, no log driver, no secrets, and no capability it does not need', () => {
    expect(task?.Properties.ContainerDefinitions).toHaveLength(1);
    expect(container).toMatchObject({ Name: 'sandbox', ReadonlyRootFilesystem: true, StopTimeout: 2 });
    expect(
      container.LogConfiguration ?? container.Secrets ?? container.Environment ?? container.User ?? container.Privileged,
    ).toBeUndefined();
    expect(container.LinuxParameters).toMatchObject({ InitProcessEnabled: false });
    expect(container.LinuxParameters.Capabilities.Add).toBeUndefined();
    expect(container.LinuxParameters.Capabilities.Drop.sort()).toEqual([
      'AUDIT_WRITE',
      'FOWNER',
      'FSETID',
      'MKNOD',
      'NET_BIND_SERVICE',
      'NET_RAW',
      'SETFCAP',
      'SYS_CHROOT',
    ]);
  });

  it('is the smallest size that holds the largest job and the supervisor', () => {
    expect(fargateSizeFor({ memoryBytes: 512 * 2 ** 20, cpu: 0.5 })).toEqual({ cpu: 1024, memoryMiB: 2048 });
    expect(fargateSizeFor({ memoryBytes: 256 * 2 ** 20, cpu: 0 })).toEqual({ cpu: 256, memoryMiB: 1024 });
    expect(() => fargateSizeFor({ memoryBytes: 2 ** 40, cpu: 1 })).toThrow('no Fargate size');
  });
});

describe('who may do what', () => {
  it('one function signs, and the key itself allows nobody else', () => {
    expect(whoMay('kms:Sign')).toEqual(['tasks/issue-ticket']);
    const keys = Object.values(templates.application.findResources('AWS::KMS::Key')) as Resource[];
    const signing = keys.find((key) => key.Properties.KeyUsage === 'SIGN_VERIFY');
    const signers = signing?.Properties.KeyPolicy.Statement.filter((statement: { Action: string | string[] }) =>
      [statement.Action].flat().some((action) => action === 'kms:Sign' || action === 'kms:*'),
    );
    expect(signers).toHaveLength(1);
    expect(JSON.stringify(signers[0].Principal)).toContain('tasksissueticket');
  });

  it('one function starts and stops sandboxes', () => {
    for (const action of ['ecs:RunTask', 'ecs:StopTask', 'iam:PassRole'])
      expect(whoMay(action), action).toEqual(['events/keeper']);
  });

  it('the keeper hands ECS one role, and can hand it to nobody else', () => {
    const passes = [...permissions().values()].flat().filter((statement) => actionsOf(statement).includes('iam:PassRole'));
    expect(passes).toHaveLength(1);
    expect(textOf(passes[0]?.Resource)).toMatch(/^<SandboxesImagePuller\w+\.Arn>$/);
    expect(passes[0]?.Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });
  });

  it.each([
    [
      'approvals',
      [
        'api/approvals',
        'api/slack',
        'events/execution-changed',
        'events/reconciler',
        'tasks/advance-approval',
        'tasks/await-approval',
      ],
    ],
    [
      'executions',
      ['api/executions', 'events/reconciler', 'tasks/claim-sandbox', 'tasks/join-line', 'tasks/record', 'tasks/run-in-sandbox'],
    ],
    [
      'sandboxes',
      [
        'events/execution-changed',
        'events/keeper',
        'events/reconciler',
        'tasks/claim-sandbox',
        'tasks/join-line',
        'tasks/probe-sandbox',
      ],
    ],
    [
      'identity',
      ['api/auth', 'api/identity', 'api/security', 'events/jwks-refresher', 'events/key-rotation', 'events/security-monitor'],
    ],
    ['notifications', ['api/notifications', 'events/approval-notify', 'events/send-notifications']],
    [
      'ephemera',
      [
        'api/approvals',
        'api/audit',
        'api/auth',
        'api/executions',
        'api/files',
        'api/health',
        'api/identity',
        'api/live',
        'api/notifications',
        'api/security',
        'api/slack',
        'events/send-notifications',
        'live/push',
        'live/push-approval',
        'live/socket',
        'tasks/issue-ticket',
      ],
    ],
  ])('the table %s has exactly these writers', (table, writers) => {
    const may = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].flatMap((action) =>
      whoMay(`dynamodb:${action}`, aboutTable(table)),
    );
    expect([...new Set(may)].sort()).toEqual(writers);
  });

  it.each([
    ['jwks', ['events/jwks-refresher']],
    ['key_*', ['api/identity', 'events/key-rotation']],
    ['admins', ['api/auth', 'api/identity']],
    ['user#*', ['api/auth', 'api/identity', 'api/security', 'events/security-monitor']],
    ['any row', []],
  ])('of the identity table, %s is written by %j', (rows, writers) => {
    const rowsOf = ({ Condition }: Statement): unknown =>
      (Condition as Record<string, Record<string, unknown>> | undefined)?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ??
      'any row';
    const may = [...permissions()].filter(([, statements]) =>
      statements.some(
        (statement) =>
          actionsOf(statement).some((action) => /^dynamodb:(Put|Update|Delete|BatchWrite)/.test(action)) &&
          resourcesOf(statement).some(aboutTable('identity')) &&
          [rowsOf(statement)].flat().includes(rows),
      ),
    );
    expect(may.map(([role]) => entryOfRole(role)).sort()).toEqual(writers);
  });

  it.each([
    ['any row', []],
    ['session#*', ['api/auth']],
    ['challenge#*', ['api/auth']],
    ['page-session#*', ['api/auth']],
    ['run-ticket#*', ['tasks/issue-ticket']],
    ['live-ticket#*', ['api/live', 'live/socket']],
    ['topic#*', ['live/push', 'live/push-approval', 'live/socket']],
    ['upload#*', ['api/executions', 'api/files']],
    ['idempotency#*', ['api/executions']],
    ['nonce#*', ['api/approvals']],
    ['operation-key#*', ['api/approvals']],
    ['personal-link#*', ['events/send-notifications']],
    ['approval-visit#*', ['api/approvals']],
  ])('of the short-lived rows, %s are written by %j', (rows, writers) => {
    const rowsOf = ({ Condition }: Statement): unknown =>
      (Condition as Record<string, Record<string, unknown>> | undefined)?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ??
      'any row';
    const may = [...permissions()].filter(([, statements]) =>
      statements.some(
        (statement) =>
          actionsOf(statement).some((action) => /^dynamodb:(Put|Update|Delete|BatchWrite)/.test(action)) &&
          resourcesOf(statement).some(aboutTable('ephemera')) &&
          [rowsOf(statement)].flat().includes(rows),
      ),
    );
    expect(may.map(([role]) => entryOfRole(role)).sort()).toEqual(writers);
    const anyRow = [...permissions().values()]
      .flat()
      .filter((statement) => resourcesOf(statement).some(aboutTable('ephemera')) && rowsOf(statement) === 'any row')
      .filter((statement) => actionsOf(statement).some((action) => action.startsWith('dynamodb:')));
    expect(anyRow).toEqual([]);
  });

  it('one function asks the user pool for tokens, and opens what it sealed of them', () => {
    const anything = () => true;
    for (const action of ['cognito-idp:AdminInitiateAuth', 'cognito-idp:AdminRespondToAuthChallenge'])
      expect(whoMay(action, anything)).toEqual(['api/auth']);
    const sessionKey = (resource: unknown) => /SessionKey/.test(JSON.stringify(resource));
    expect(whoMay('kms:Decrypt', sessionKey)).toEqual(['api/auth']);
    expect(whoMay('kms:Encrypt', sessionKey)).toEqual(['api/auth']);
  });

  it('whoever responds to threats ends sessions in the rows of users, and changes nothing else of them', () => {
    const responders = [...permissions()].filter(([role]) =>
      ['api/security', 'events/security-monitor'].includes(entryOfRole(role) ?? ''),
    );
    expect(responders).toHaveLength(2);
    for (const [, statements] of responders) {
      const writes = statements.filter(
        (statement) =>
          actionsOf(statement).some((action) => /^dynamodb:(Put|Update|Delete|BatchWrite)/.test(action)) &&
          resourcesOf(statement).some(aboutTable('identity')),
      );
      expect(writes.map(({ Action, Condition }) => [Action, Condition])).toEqual([
        [
          'dynamodb:UpdateItem',
          {
            'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['user#*'] },
            'ForAllValues:StringEquals': {
              'dynamodb:Attributes': ['identity_id', 'valid_after', 'audit_length', 'audit_head'],
            },
            StringEqualsIfExists: { 'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'] },
          },
        ],
      ]);
    }
  });

  it('each response of the watch is told to somebody', () => {
    const [, filter] = resources('AWS::Logs::MetricFilter').find(([id]) => id.includes('AutomaticResponses')) ?? [];
    expect(filter?.Properties.FilterPattern).toBe('{ $.message = "automatic response" }');
    const log = JSON.stringify(filter?.Properties.LogGroupName);
    expect(log).toContain('eventssecuritymonitor');
    const [alarm] = resources('AWS::CloudWatch::Alarm').filter(
      ([, { Properties }]) => Properties.MetricName === 'AutomaticResponses',
    );
    expect(alarm?.[1].Properties).toMatchObject({ Namespace: 'Airlock', Threshold: 1 });
    expect(alarm?.[1].Properties.AlarmActions).toHaveLength(1);
  });

  const ofKind = (kind: string) => (resource: unknown) => textOf(resource).endsWith(`/${kind}/*`);

  it.each([
    ['uploads', ['api/files'], ['api/executions']],
    ['blobs', ['api/executions'], ['tasks/run-in-sandbox']],
    [
      'manifests',
      ['api/approvals', 'api/executions'],
      ['api/approvals', 'api/slack', 'tasks/await-approval', 'tasks/issue-ticket', 'tasks/run-in-sandbox'],
    ],
    ['events', ['tasks/run-in-sandbox'], ['api/executions', 'live/catch-up', 'tasks/record', 'tasks/run-in-sandbox']],
    ['artifacts', ['tasks/run-in-sandbox'], ['api/executions']],
    ['archive', ['tasks/record'], ['api/executions', 'live/catch-up']],
  ])('objects of the kind %s have exactly these writers and readers', (kind, writers, readers) => {
    expect(whoMay('s3:PutObject', ofKind(kind))).toEqual(writers);
    expect(whoMay('s3:GetObject', ofKind(kind))).toEqual(readers);
  });

  it('whoever reads a kind may also list it: to others S3 says of an object that is missing that it is forbidden', () => {
    for (const [role, statements] of permissions()) {
      const of = (action: string) => statements.filter((statement) => actionsOf(statement).includes(action));
      const kinds = of('s3:GetObject')
        .flatMap(resourcesOf)
        .map((resource) => /[^/]+\/\*$/.exec(textOf(resource))?.[0]);
      const listed = of('s3:ListBucket').map((statement) => JSON.stringify(statement.Condition ?? ''));
      for (const kind of kinds)
        expect(
          listed.some((condition) => condition.includes(`"${kind}"`)),
          `${entryOfRole(role)} lists ${kind}`,
        ).toBe(true);
    }
  });

  it('what the audit is anchored in is locked for a year, for everybody', () => {
    const [, bucket] = resources('AWS::S3::Bucket').find(([id]) => /Audit[0-9A-F]{8}/.test(id)) ?? [];
    expect(bucket?.Properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 366 } },
      },
      VersioningConfiguration: { Status: 'Enabled' },
    });
    const policies = resources('AWS::S3::BucketPolicy').map(([, policy]) => JSON.stringify(policy.Properties));
    const own = policies.find((policy) => policy.includes('NobodyDeletes')) ?? '';
    for (const action of ['DeleteObject', 'DeleteObjectVersion', 'PutObjectRetention', 'BypassGovernanceRetention'])
      expect(own).toContain(`"s3:${action}"`);
  });

  it('no object is deleted, and each is of one of these kinds', () => {
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:PutBucketPolicy']) expect(whoMay(action)).toEqual([]);
    const kinds = [...permissions().values()]
      .flat()
      .filter((statement) => actionsOf(statement).some((action) => /^s3:(Put|Get)Object$/.test(action)))
      .flatMap(resourcesOf)
      .map((resource) => /\/(\w+)\/\*$/.exec(textOf(resource))?.[1] ?? textOf(resource));
    expect([...new Set(kinds)].sort()).toEqual([
      'anchors',
      'archive',
      'artifacts',
      'audit',
      'blobs',
      'events',
      'manifests',
      'uploads',
    ]);
  });

  it('no link writes anything but uploads, whoever signed it', () => {
    const policies = Object.values(templates.data.findResources('AWS::S3::BucketPolicy')) as Resource[];
    const denied = policies
      .flatMap((policy) => policy.Properties.PolicyDocument.Statement)
      .find((statement: { Action: string }) => statement.Action === 's3:PutObject');
    expect(denied).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Condition: { StringEquals: { 's3:authType': ['REST-QUERY-STRING', 'POST'] } },
    });
    expect(textOf(denied.NotResource)).toMatch(/^<Data\w+\.Arn>\/uploads\/\*$/);
  });

  it('mail is sent by three functions, under the one address that the configuration names; text messages only where it names numbers', () => {
    expect(whoMay('ses:SendEmail')).toEqual(['events/key-rotation', 'events/security-monitor', 'events/send-notifications']);
    const sending = [...permissions().values()].flat().find((statement) => actionsOf(statement).includes('ses:SendEmail'));
    expect(sending?.Condition).toEqual({ StringEquals: { 'ses:FromAddress': 'approvals@airlock.example.com' } });
    expect(whoMay('sns:Publish')).toEqual([]);
  });

  it('the secret of the channels is read by whoever speaks with them, and written by no function', () => {
    expect(whoMay('secretsmanager:GetSecretValue')).toEqual(['api/slack', 'events/send-notifications']);
    for (const action of ['PutSecretValue', 'UpdateSecret', 'DeleteSecret'])
      expect(whoMay(`secretsmanager:${action}`), action).toEqual([]);
  });

  it('nobody changes or deletes an audit record', () => {
    for (const action of ['UpdateItem', 'DeleteItem', 'BatchWriteItem'])
      expect(whoMay(`dynamodb:${action}`, aboutTable('audit')), action).toEqual([]);
  });

  it('nobody has a whole service', () => {
    for (const [role, statements] of permissions()) {
      for (const statement of statements) {
        for (const action of actionsOf(statement)) expect(action, role).not.toMatch(/^(\*|[a-z0-9-]+:\*)$/);
      }
    }
  });

  it('`*` as a resource stands only with actions that know no other', () => {
    const known = [
      /^xray:/,
      /^logs:(Create|Get|Update|Delete|List)LogDeliver(y|ies)$|^logs:(PutResourcePolicy|DescribeResourcePolicies|DescribeLogGroups)$/,
      /^ec2:(AssignPrivateIpAddresses|CreateNetworkInterface|DeleteNetworkInterface|DescribeNetworkInterfaces|DescribeSubnets|UnassignPrivateIpAddresses)$/,
      /^ecr:GetAuthorizationToken$/,
      /^ecs:ListTasks$/,
      /^dynamodb:ListStreams$/,
    ];
    for (const [role, statements] of permissions()) {
      for (const statement of statements.filter((one) => resourcesOf(one).includes('*'))) {
        for (const action of actionsOf(statement))
          expect(
            known.some((pattern) => pattern.test(action)),
            `${role}: ${action}`,
          ).toBe(true);
      }
    }
  });
});

describe.each([
  ['execution', 'ExecutionRole', MACHINE_TASKS, { ApprovalsTable: 'approvals', ExecutionsTable: 'executions' }],
  ['approval-clock', 'ApprovalClockRole', CLOCK_TASKS, {}],
])('the role of the state machine %s', (name, roleName, functionsOf, tablesOf) => {
  const asl = definitionOf(name);
  const machineRole = [...permissions()].find(([role]) => role.startsWith(roleName))?.[1] ?? [];
  const tasks = Object.values(
    asl.States as Record<string, { Type: string; Resource?: string; Arguments?: Record<string, string> }>,
  ).filter((state) => state.Type === 'Task');

  it('may invoke exactly the functions that the definition names', () => {
    const named = new Set(
      tasks.flatMap((state) =>
        state.Resource?.includes('lambda:invoke') ? [state.Arguments?.FunctionName?.replace(/[${}]/g, '') ?? ''] : [],
      ),
    );
    expect([...named].sort()).toEqual(Object.keys(functionsOf).sort());
    const allowed = machineRole
      .filter((statement) => actionsOf(statement).includes('lambda:InvokeFunction'))
      .flatMap(resourcesOf)
      .map((arn) => JSON.stringify(arn));
    expect(allowed).toHaveLength(named.size);
    for (const entry of Object.values(functionsOf)) {
      expect(
        allowed.some((arn) => arn.includes(`airlock-production-${entry.replace('/', '-')}"`)),
        entry,
      ).toBe(true);
    }
  });

  it('may read exactly the tables that the definition reads, and write none', () => {
    const read = new Set(
      tasks.flatMap((state) => (state.Resource?.includes('dynamodb:getItem') ? [state.Arguments?.TableName] : [])),
    );
    expect([...read].sort()).toEqual(Object.keys(tablesOf).map((placeholder) => `\${${placeholder}}`));
    const statements = machineRole.filter((statement) => actionsOf(statement).some((action) => action.startsWith('dynamodb:')));
    expect([...new Set(statements.flatMap(actionsOf))]).toEqual(read.size > 0 ? ['dynamodb:GetItem'] : []);
    for (const table of Object.values(tablesOf))
      expect(statements.flatMap(resourcesOf).some(aboutTable(table)), table).toBe(true);
  });

  it('logs without execution data', () => {
    templates.application.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
      StateMachineType: 'STANDARD',
    });
  });
});

describe('roles of other services', () => {
  const own = (role: string) => entryOfRole(role) === null;

  it('are these; rules and streams call functions by permission', () => {
    const roles = resources('AWS::IAM::Role').map(([id]) => id.split('/')[1] ?? id);
    expect(
      roles
        .filter(own)
        .map((role) => role.replace(/[0-9A-F]{8}$/, ''))
        .sort(),
    ).toEqual([
      'ApplicationVpcFlowIAMRole',
      'ApprovalClockRole',
      'ExecutionRole',
      'LiveLogWriter',
      'SandboxesImagePuller',
      'SandboxesVpcFlowIAMRole',
    ]);
  });

  it('the one that pulls images does that, and a network’s log writer writes its log', () => {
    const actions = (name: string) =>
      [...permissions()]
        .filter(([role]) => role.startsWith(name))
        .flatMap(([, statements]) => statements.flatMap(actionsOf))
        .sort();
    expect(actions('SandboxesImagePuller')).toEqual([
      'ecr:BatchCheckLayerAvailability',
      'ecr:BatchGetImage',
      'ecr:GetAuthorizationToken',
      'ecr:GetDownloadUrlForLayer',
    ]);
    for (const network of ['ApplicationVpcFlow', 'SandboxesVpcFlow'])
      expect(actions(network)).toEqual(['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents']);
  });

  it('AWS’s own policies: one, for the log of API Gateway', () => {
    const managed = resources('AWS::IAM::Role').flatMap(([, role]) => (role.Properties.ManagedPolicyArns ?? []).map(textOf));
    expect(managed).toEqual(['arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs']);
  });

  it('every rule and every stream may call its function, and nothing else may but the APIs', () => {
    const targets = resources('AWS::Events::Rule').map(
      ([id, rule]) => `${id.split('/')[1]} ${textOf(rule.Properties.Targets[0].Arn)}`,
    );
    const permitted = resources('AWS::Lambda::Permission')
      .filter(([, permission]) => permission.Properties.Principal !== 'apigateway.amazonaws.com')
      .map(([, { Properties }]) => {
        expect(Properties.Principal).toBe('events.amazonaws.com');
        return `${textOf(Properties.SourceArn).replace(/^<(\w+)\.Arn>$/, '$1')} ${textOf(Properties.FunctionName)}`;
      });
    expect(permitted.sort()).toEqual(targets.sort());
    expect(targets).toHaveLength(8);
  });
});

describe('what cannot be handled is kept', () => {
  it('by every stream and every rule, in a queue whose key lets them', () => {
    const mappings = resources('AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(5);
    for (const [id, mapping] of mappings) {
      expect(mapping.Properties, id).toMatchObject({
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        BisectBatchOnFunctionError: true,
      });
      expect(textOf(mapping.Properties.DestinationConfig.OnFailure.Destination), id).toMatch(/^<TriggersDeadLetters\w+\.Arn>$/);
    }
    for (const [id, rule] of resources('AWS::Events::Rule'))
      expect(textOf(rule.Properties.Targets[0].DeadLetterConfig.Arn), id).toMatch(/^<TriggersDeadLetters\w+\.Arn>$/);
    expect(servicesOfDataKey()).toContain('events.amazonaws.com');
  });

  it('and somebody is told: every alarm reaches the topic, whose key lets it, and has its section of the runbook', () => {
    const alarms = resources('AWS::CloudWatch::Alarm');
    expect(alarms.map(([, alarm]) => String(alarm.Properties.AlarmName).replace('airlock-', '')).sort()).toEqual([
      'api-5xx',
      'approval-clock-failed',
      'automatic-response',
      'dead-letters',
      'events-approval-changed-errors',
      'events-approval-notify-errors',
      'events-audit-anchor-errors',
      'events-execution-changed-errors',
      'events-jwks-refresher-errors',
      'events-keeper-errors',
      'events-key-rotation-errors',
      'events-reconciler-errors',
      'events-security-monitor-errors',
      'events-send-notifications-errors',
      'functions-throttled',
      'keeper-silent',
      'machine-failed',
      'machine-timed-out',
      'messages-dead',
      'pool-empty',
      'tasks-advance-approval-errors',
      'tasks-issue-ticket-errors',
      'tasks-record-errors',
    ]);
    const runbook = readFileSync(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
    for (const [id, { Properties }] of alarms)
      expect(runbook, id).toContain(`\n## ${String(Properties.AlarmName).replace('airlock-', '')}\n`);
    for (const [id, alarm] of alarms) expect(alarm.Properties.AlarmActions.map(textOf)[0], id).toMatch(/^<AlarmsTopic\w+>$/);
    expect(servicesOfDataKey()).toContain('cloudwatch.amazonaws.com');
  });

  /** AWS services that the key of everything at rest names. */
  function servicesOfDataKey(): string[] {
    const [key] = Object.values(templates.data.findResources('AWS::KMS::Key')) as Resource[];
    return key?.Properties.KeyPolicy.Statement.flatMap((one: { Principal: { Service?: string } }) => one.Principal.Service ?? []);
  }
});

describe('the front door', () => {
  it('adds a secret that is in no template, and says itself who calls', () => {
    const [distribution] = Object.values(templates.frontDoor.findResources('AWS::CloudFront::Distribution')) as Resource[];
    const { Origins, WebACLId } = distribution?.Properties.DistributionConfig ?? {};
    expect(Origins).toHaveLength(2);
    for (const origin of Origins) {
      const [header, ...more] = origin.OriginCustomHeaders;
      expect(more).toEqual([]);
      expect(header.HeaderName).toBe('x-airlock-front-door');
      expect(textOf(header.HeaderValue)).toMatch(/^\{\{resolve:secretsmanager:.+:SecretString:::\}\}$/);
      expect(origin.CustomOriginConfig.OriginProtocolPolicy).toBe('https-only');
    }
    expect(WebACLId).toBeDefined();
    for (const [id, fn] of resources('AWS::CloudFront::Function'))
      expect(fn.Properties.FunctionCode, id).toContain("headers['x-airlock-client-address'] = { value: event.viewer.ip }");
    const identify = resources('AWS::CloudFront::Function').find(([id]) => id.includes('Identify'))?.[1];
    expect(identify?.Properties.FunctionCode).toContain(
      "headers['x-airlock-public-origin'] = { value: 'https://' + request.headers.host.value }",
    );
  });

  it('writes down who asks for what, and nothing that a query, a cookie or a referrer holds', () => {
    const [distribution] = Object.values(templates.frontDoor.findResources('AWS::CloudFront::Distribution')) as Resource[];
    expect(distribution?.Properties.DistributionConfig.Logging).toBeUndefined();
    const [delivery, ...others] = resources('AWS::Logs::Delivery');
    expect(others).toEqual([]);
    const fields: string[] = delivery?.[1].Properties.RecordFields ?? [];
    expect(fields).toEqual(expect.arrayContaining(['c-ip', 'cs-method', 'cs-uri-stem', 'sc-status']));
    expect(fields.filter((field) => /query|cookie|referer/i.test(field))).toEqual([]);
  });

  it('every function that answers callers counts their requests where all do', () => {
    const outside = [];
    for (const [entry, fn] of functions()) {
      if (!entry.startsWith('api/')) continue;
      const { VALKEY_URL: valkey, CHECK_LIMITS_FUNCTION: asked } = fn.Properties.Environment.Variables;
      if (fn.Properties.VpcConfig) expect(textOf(valkey), entry).toMatch(/^rediss:/);
      else expect(asked, entry).toBe('airlock-production-tasks-check-limits');
      if (!fn.Properties.VpcConfig) outside.push(entry);
    }
    const isCheck = (resource: unknown) => textOf(resource).endsWith(':function:airlock-production-tasks-check-limits');
    expect(whoMay('lambda:InvokeFunction', isCheck)).toEqual(outside.sort());
  });

  it('every function that answers callers knows the same secret', () => {
    for (const [entry, fn] of functions()) {
      const secret = fn.Properties.Environment?.Variables.FRONT_DOOR_SECRET;
      if (entry.startsWith('api/') || entry === 'live/socket')
        expect(textOf(secret), entry).toMatch(/^\{\{resolve:secretsmanager:.+\}\}$/);
      else expect(secret, entry).toBeUndefined();
    }
  });

  it('the WebSocket’s log is set up once the account lets API Gateway write one', () => {
    const stage = Object.values(templates.application.findResources('AWS::ApiGatewayV2::Stage')).find(
      (one) => one.Properties.StageName === 'live',
    );
    const [account] = Object.keys(templates.application.findResources('AWS::ApiGateway::Account'));
    expect(account).toBeDefined();
    expect(stage?.DependsOn).toContain(account);
  });
});

describe('what is said and kept', () => {
  const keyIn = (value: unknown): boolean => /KeyOf|EncryptionKey|Key[0-9A-F]{8}/.test(JSON.stringify(value ?? ''));

  it('comes and goes over TLS alone, and browsers are told to keep to it', () => {
    const [distribution] = Object.values(templates.frontDoor.findResources('AWS::CloudFront::Distribution')) as Resource[];
    const { DefaultCacheBehavior, CacheBehaviors } = distribution?.Properties.DistributionConfig ?? {};
    expect(CacheBehaviors).toHaveLength(2);
    for (const behavior of [DefaultCacheBehavior, ...CacheBehaviors]) {
      expect(behavior.ViewerProtocolPolicy, behavior.PathPattern).toBe('https-only');
      expect(behavior.ResponseHeadersPolicyId, behavior.PathPattern).toBeDefined();
    }
    const [[, policy] = [], ...more] = resources('AWS::CloudFront::ResponseHeadersPolicy');
    expect(more).toEqual([]);
    expect(policy?.Properties.ResponseHeadersPolicyConfig.SecurityHeadersConfig).toMatchObject({
      StrictTransportSecurity: { AccessControlMaxAgeSec: 365 * 86_400, IncludeSubdomains: true, Override: true },
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: 'DENY', Override: true },
      ContentSecurityPolicy: { ContentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'" },
    });
    expect(policy?.Properties.ResponseHeadersPolicyConfig.CorsConfig).toBeUndefined();
    for (const [id, api] of resources('AWS::ApiGatewayV2::Api')) expect(api.Properties.CorsConfiguration, id).toBeUndefined();
  });

  it.each([
    ['AWS::DynamoDB::GlobalTable', (it: Resource) => it.Properties.Replicas[0].SSESpecification?.KMSMasterKeyId],
    [
      'AWS::S3::Bucket',
      (it: Resource) =>
        it.Properties.BucketEncryption?.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.KMSMasterKeyID,
    ],
    ['AWS::Logs::LogGroup', (it: Resource) => it.Properties.KmsKeyId],
    ['AWS::SQS::Queue', (it: Resource) => it.Properties.KmsMasterKeyId],
    ['AWS::SNS::Topic', (it: Resource) => it.Properties.KmsMasterKeyId],
    ['AWS::SecretsManager::Secret', (it: Resource) => it.Properties.KmsKeyId],
    ['AWS::ElastiCache::ServerlessCache', (it: Resource) => it.Properties.KmsKeyId],
  ])('lies under a key of its own: every %s', (type, keyOf) => {
    const found = resources(type);
    expect(found.length).toBeGreaterThan(0);
    const without = found.filter(([, one]) => !keyIn(keyOf(one))).map(([id]) => id.replace(/[0-9A-F]{8}$/, ''));
    // S3 writes its own access logs under no key of ours.
    expect(without).toEqual(type === 'AWS::S3::Bucket' ? ['data/AccessLogs'] : []);
    const keys = resources('AWS::KMS::Key');
    for (const [id, key] of keys)
      if (key.Properties.KeySpec === undefined) expect(key.Properties.EnableKeyRotation, id).toBe(true);
  });
});

describe('what lasts', () => {
  it('every table has point-in-time recovery, its own key, and survives the stack', () => {
    const tables = templates.data.findResources('AWS::DynamoDB::GlobalTable') as Record<
      string,
      Resource & { DeletionPolicy: string }
    >;
    expect(Object.keys(tables)).toHaveLength(8);
    for (const [id, table] of Object.entries(tables)) {
      expect(table.DeletionPolicy, id).toBe('Retain');
      expect(table.Properties.SSESpecification, id).toMatchObject({ SSEEnabled: true, SSEType: 'KMS' });
      expect(table.Properties.Replicas[0], id).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      });
    }
  });

  it('uploads go after a day, with what they were before; inputs stay longer than any run can want them', () => {
    const buckets = Object.values(templates.data.findResources('AWS::S3::Bucket')) as Resource[];
    const rules = buckets.flatMap((bucket) => bucket.Properties.LifecycleConfiguration?.Rules ?? []);
    const ruleOf = (prefix: string) => rules.find((rule: { Prefix?: string }) => rule.Prefix === prefix);
    expect(ruleOf('uploads/')).toMatchObject({ ExpirationInDays: 1, NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    expect(ruleOf('blobs/').ExpirationInDays).toBeGreaterThanOrEqual(365 + 30);
    expect(ruleOf('manifests/')).toBeUndefined();
  });

  it('every log group has a retention', () => {
    for (const [id, group] of resources('AWS::Logs::LogGroup')) expect(group.Properties.RetentionInDays, id).toBeGreaterThan(0);
  });

  it('every bucket is private and refuses plain HTTP', () => {
    for (const [id, bucket] of resources('AWS::S3::Bucket')) {
      expect(bucket.Properties.PublicAccessBlockConfiguration, id).toMatchObject({
        BlockPublicAcls: true,
        RestrictPublicBuckets: true,
      });
      const [stack, name] = id.split('/');
      const policy = resources('AWS::S3::BucketPolicy').find(
        ([policyId, one]) => policyId.startsWith(`${stack}/`) && one.Properties.Bucket.Ref === name,
      );
      expect(policy?.[1].Properties.PolicyDocument.Statement, id).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
    }
  });
});

describe.each([
  ['execution', ['attempt', 'code', 'execution_id', 'kind', 'message', 'sandbox_id', 'task_token']],
  ['approval-clock', ['approval_id', 'stage']],
])('the definition of the state machine %s', (machineName, handedOver) => {
  const asl = definitionOf(machineName);

  it('has each of its placeholders filled, and no other', () => {
    const machine = (Object.values(templates.application.findResources('AWS::StepFunctions::StateMachine')) as Resource[]).find(
      (one) => one.Properties.StateMachineName === `airlock-production-${machineName}`,
    );
    const placeholders = new Set([...JSON.stringify(asl).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    expect(Object.keys(machine?.Properties.DefinitionSubstitutions).sort()).toEqual([...placeholders].sort());
  });

  it('gives every task a timeout, a retry and the one failure path', () => {
    for (const [name, state] of Object.entries(asl.States as Record<string, Record<string, unknown>>)) {
      if (state.Type !== 'Task') continue;
      expect(state.TimeoutSeconds, name).toBeTypeOf('number');
      expect(state.Retry, name).toBeDefined();
      // A failed clock is mended by the reconciler, and fails for an operator to see.
      if (machineName === 'execution' && name !== 'Record the failure')
        expect(state.Catch, name).toMatchObject([{ ErrorEquals: ['States.ALL'], Next: 'Record the failure' }]);
    }
  });

  it('leads every state somewhere that exists, and reaches every state', () => {
    const states = asl.States as Record<
      string,
      { Next?: string; Default?: string; Choices?: { Next: string }[]; Catch?: { Next: string }[] }
    >;
    const next = (name: string) => {
      const state = states[name];
      return [
        state?.Next,
        state?.Default,
        ...(state?.Choices ?? []).map((choice) => choice.Next),
        ...(state?.Catch ?? []).map((one) => one.Next),
      ].filter((target) => target !== undefined);
    };
    const reached = new Set<string>([asl.StartAt]);
    for (const name of reached) for (const target of next(name)) reached.add(target);
    expect([...reached].sort()).toEqual(Object.keys(states).sort());
  });

  it('hands functions ids, the waiting state’s token, and for a failure its code and words', () => {
    type Task = { Arguments?: { Payload?: Record<string, string> } };
    const keys = Object.values(asl.States as Record<string, Task>).flatMap((state) =>
      Object.keys(state.Arguments?.Payload ?? {}),
    );
    expect([...new Set(keys)].sort()).toEqual(handedOver);
  });
});
