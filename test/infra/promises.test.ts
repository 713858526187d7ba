import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MACHINE_TASKS } from '../../infra/constructs/execution-machine.ts';
import { fargateSizeFor } from '../../infra/constructs/sandbox-tasks.ts';
import { actionsOf, entryOfRole, permissions, type Resource, resources, resourcesOf, templates, whoMay } from './production.ts';

const asl = JSON.parse(readFileSync(join(import.meta.dirname, '../../statemachines/execution.asl.json'), 'utf8'));
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

  it('sandboxes resolve the registry’s names and no other', () => {
    templates.network.hasResourceProperties('AWS::Route53Resolver::FirewallRuleGroup', {
      FirewallRules: [{ Action: 'ALLOW' }, { Action: 'BLOCK', BlockResponse: 'NXDOMAIN', Priority: 2 }],
    });
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

  it.each([
    ['approvals', ['api/approvals', 'events/execution-changed', 'events/reconciler', 'tasks/await-approval']],
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
    ['identity', ['api/auth', 'events/jwks-refresher']],
    ['ephemera', ['api/executions', 'api/live', 'live/push', 'live/socket', 'tasks/issue-ticket']],
  ])('the table %s has exactly these writers', (table, writers) => {
    const may = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].flatMap((action) =>
      whoMay(`dynamodb:${action}`, aboutTable(table)),
    );
    expect([...new Set(may)].sort()).toEqual(writers);
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

describe('the state machine’s role', () => {
  const machineRole = [...permissions()].find(([role]) => role.startsWith('ExecutionRole'))?.[1] ?? [];
  const tasks = Object.values(
    asl.States as Record<string, { Type: string; Resource?: string; Arguments?: Record<string, string> }>,
  ).filter((state) => state.Type === 'Task');

  it('may invoke exactly the functions that the definition names', () => {
    const named = new Set(
      tasks.flatMap((state) =>
        state.Resource?.includes('lambda:invoke') ? [state.Arguments?.FunctionName?.replace(/[${}]/g, '') ?? ''] : [],
      ),
    );
    expect([...named].sort()).toEqual(Object.keys(MACHINE_TASKS).sort());
    const allowed = machineRole
      .filter((statement) => actionsOf(statement).includes('lambda:InvokeFunction'))
      .flatMap(resourcesOf)
      .map((arn) => JSON.stringify(arn));
    expect(allowed).toHaveLength(named.size);
    for (const entry of Object.values(MACHINE_TASKS)) {
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
    expect([...read].sort()).toEqual(['ApprovalsTable', 'ExecutionsTable'].map((name) => `\${${name}}`));
    const statements = machineRole.filter((statement) => actionsOf(statement).some((action) => action.startsWith('dynamodb:')));
    expect(statements.flatMap(actionsOf)).toEqual(statements.flatMap(actionsOf).map(() => 'dynamodb:GetItem'));
    for (const table of ['executions', 'approvals'])
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
  it('with rights of their own: the state machine’s alone; rules and streams call functions by permission', () => {
    const others = [...permissions().keys()].filter((role) => entryOfRole(role) === null);
    expect(others.map((role) => role.replace(/[0-9A-F]{8}$/, ''))).toEqual(['ExecutionRole']);
  });
});

describe('what lasts', () => {
  it('every table has point-in-time recovery, its own key, and survives the stack', () => {
    const tables = templates.data.findResources('AWS::DynamoDB::GlobalTable') as Record<
      string,
      Resource & { DeletionPolicy: string }
    >;
    expect(Object.keys(tables)).toHaveLength(6);
    for (const [id, table] of Object.entries(tables)) {
      expect(table.DeletionPolicy, id).toBe('Retain');
      expect(table.Properties.SSESpecification, id).toMatchObject({ SSEEnabled: true, SSEType: 'KMS' });
      expect(table.Properties.Replicas[0], id).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      });
    }
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
    }
  });
});

describe('the definition', () => {
  it('gives every task a timeout, a retry and the one failure path', () => {
    for (const [name, state] of Object.entries(asl.States as Record<string, Record<string, unknown>>)) {
      if (state.Type !== 'Task') continue;
      expect(state.TimeoutSeconds, name).toBeTypeOf('number');
      expect(state.Retry, name).toBeDefined();
      if (name !== 'Record the failure')
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
    expect([...new Set(keys)].sort()).toEqual(['attempt', 'code', 'execution_id', 'kind', 'message', 'sandbox_id', 'task_token']);
  });
});
