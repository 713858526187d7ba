import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import type { SandboxProvider, TaskState } from '../../core/sandbox/ports.ts';

export interface FargateSettings {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroup: string;
  readonly containerName: string;
  /** What the supervisor is told at start; the sandbox's own id is added. */
  readonly environment: () => Promise<Record<string, string>>;
}

const SANDBOX_ID = 'AIRLOCK_SANDBOX_ID';
const DESCRIBE_AT_ONCE = 100;

export function fargateProvider(settings: FargateSettings): SandboxProvider {
  const client = new ECSClient({ maxAttempts: 5 });
  return {
    async start(sandboxId) {
      const environment = { ...(await settings.environment()), [SANDBOX_ID]: sandboxId };
      const { tasks, failures } = await client.send(
        new RunTaskCommand({
          cluster: settings.cluster,
          taskDefinition: settings.taskDefinition,
          launchType: 'FARGATE',
          count: 1,
          // ECS answers with the same task when it is asked twice.
          clientToken: sandboxId,
          startedBy: sandboxId.slice(0, 36),
          enableExecuteCommand: false,
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: [...settings.subnets],
              securityGroups: [settings.securityGroup],
              assignPublicIp: 'DISABLED',
            },
          },
          overrides: {
            containerOverrides: [
              {
                name: settings.containerName,
                environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
              },
            ],
          },
        }),
      );
      const task = tasks?.[0];
      if (!task)
        throw new Error(`ECS started no task: ${failures?.map((failure) => failure.reason).join(', ') || 'no reason given'}`);
      return stateOf(task);
    },

    async describe(taskArns) {
      const states: TaskState[] = [];
      for (let from = 0; from < taskArns.length; from += DESCRIBE_AT_ONCE) {
        const page = taskArns.slice(from, from + DESCRIBE_AT_ONCE);
        const { tasks } = await client.send(new DescribeTasksCommand({ cluster: settings.cluster, tasks: [...page] }));
        states.push(...(tasks ?? []).map(stateOf));
      }
      return states;
    },

    async stop(taskArn, reason) {
      try {
        await client.send(new StopTaskCommand({ cluster: settings.cluster, task: taskArn, reason: reason.slice(0, 255) }));
      } catch (error) {
        // Already gone.
        if (error instanceof Error && (error.name === 'InvalidParameterException' || error.name === 'TaskNotFoundException'))
          return;
        throw error;
      }
    },

    async listRunning() {
      const arns: string[] = [];
      let nextToken: string | undefined;
      do {
        const page = await client.send(
          new ListTasksCommand({ cluster: settings.cluster, desiredStatus: 'RUNNING', ...(nextToken ? { nextToken } : {}) }),
        );
        arns.push(...(page.taskArns ?? []));
        nextToken = page.nextToken;
      } while (nextToken);
      return arns;
    },
  };
}

function stateOf(task: Task): TaskState {
  const details = task.attachments?.flatMap((attachment) => attachment.details ?? []) ?? [];
  const address = details.find((detail) => detail.name === 'privateIPv4Address')?.value ?? null;
  const environment = task.overrides?.containerOverrides?.flatMap((override) => override.environment ?? []) ?? [];
  const stopped = task.lastStatus === 'STOPPED' || task.desiredStatus === 'STOPPED';
  return {
    task_arn: task.taskArn ?? '',
    sandbox_id: environment.find((variable) => variable.name === SANDBOX_ID)?.value ?? null,
    status: stopped ? 'stopped' : task.lastStatus === 'RUNNING' ? 'running' : 'pending',
    address: task.lastStatus === 'RUNNING' ? address : null,
    stopped_reason: task.stoppedReason ?? null,
  };
}
