import { Duration, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, ISubnet, IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  Capability,
  type CfnTaskDefinition,
  Cluster,
  type ContainerImage,
  ContainerInsights,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  OperatingSystemFamily,
  UlimitName,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { SUPERVISOR_PORT } from '../../functions/contracts/sandbox-protocol.ts';
import type { Stage } from '../config.ts';
import type { AirlockFunction } from './functions.ts';

/** Where sandboxes stand: subnets without a way out, and a group that lets only the dispatcher in. */
export interface SandboxPlacement {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: ISecurityGroup;
}

interface Props {
  readonly stage: Stage;
  readonly image: ContainerImage;
  readonly placement: SandboxPlacement;
  /** The image's processor, as ECS calls it. */
  readonly architecture: 'ARM64' | 'X86_64';
  readonly largestJob: { readonly memoryBytes: number; readonly cpu: number };
}

/** What the supervisor needs beside the largest job. */
const SUPERVISOR_MEMORY_MIB = 512;
const SUPERVISOR_CPU = 0.25;

/** Processor units and memory that Fargate offers together, smallest first (1024 units are one CPU). */
const FARGATE_SIZES: readonly { readonly cpu: number; readonly memoryMiB: number }[] = [
  { cpu: 256, memoryMiB: 512 },
  { cpu: 256, memoryMiB: 1024 },
  { cpu: 256, memoryMiB: 2048 },
  ...[1, 2, 3, 4].map((gib) => ({ cpu: 512, memoryMiB: gib * 1024 })),
  ...[2, 3, 4, 5, 6, 7, 8].map((gib) => ({ cpu: 1024, memoryMiB: gib * 1024 })),
  ...Array.from({ length: 13 }, (_, index) => ({ cpu: 2048, memoryMiB: (4 + index) * 1024 })),
  ...Array.from({ length: 23 }, (_, index) => ({ cpu: 4096, memoryMiB: (8 + index) * 1024 })),
];

export function fargateSizeFor(job: { readonly memoryBytes: number; readonly cpu: number }): { cpu: number; memoryMiB: number } {
  const memoryMiB = job.memoryBytes / 2 ** 20 + SUPERVISOR_MEMORY_MIB;
  const cpu = (job.cpu + SUPERVISOR_CPU) * 1024;
  const size = FARGATE_SIZES.find((offered) => offered.cpu >= cpu && offered.memoryMiB >= memoryMiB);
  if (!size) throw new Error(`no Fargate size holds a job of ${job.cpu} CPUs and ${job.memoryBytes} bytes`);
  return size;
}

/** Fargate can drop capabilities and not add them back, so what the supervisor does not need is dropped by name. */
const DROPPED = [
  Capability.AUDIT_WRITE,
  Capability.FOWNER,
  Capability.FSETID,
  Capability.MKNOD,
  Capability.NET_BIND_SERVICE,
  Capability.NET_RAW,
  Capability.SETFCAP,
  Capability.SYS_CHROOT,
];

const WRITABLE = ['/workspace', '/tmp', '/run'];

/** The role ECS pulls the image with, by a name that the registry's endpoints can hold to before it exists. */
export const imagePullerName = (stage: Stage): string => `airlock-${stage.name}-image-puller`;

/** One task is one sandbox: no role, no address of its own outside, nothing writable but scratch, and it serves one run. */
export class SandboxTasks extends Construct {
  readonly cluster: Cluster;
  readonly definition: FargateTaskDefinition;
  readonly placement: SandboxPlacement;
  readonly #imagePuller: Role;

  constructor(scope: Construct, id: string, props: Props) {
    super(scope, id);
    this.placement = props.placement;
    this.cluster = new Cluster(this, 'Cluster', { vpc: props.placement.vpc, containerInsightsV2: ContainerInsights.ENABLED });
    const size = fargateSizeFor(props.largestJob);
    this.#imagePuller = new Role(this, 'ImagePuller', {
      roleName: imagePullerName(props.stage),
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    this.definition = new FargateTaskDefinition(this, 'Task', {
      family: 'airlock-sandbox',
      executionRole: this.#imagePuller,
      cpu: size.cpu,
      memoryLimitMiB: size.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: props.architecture === 'ARM64' ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      volumes: WRITABLE.map((path) => ({ name: volumeName(path) })),
    });
    const container = this.definition.addContainer('sandbox', {
      image: props.image,
      readonlyRootFilesystem: true,
      linuxParameters: this.#linuxParameters(),
      portMappings: [{ containerPort: SUPERVISOR_PORT }],
      // Discarding is all there is to do at the end.
      stopTimeout: Duration.seconds(2),
      ulimits: [
        { name: UlimitName.NOFILE, softLimit: 65_535, hardLimit: 65_535 },
        { name: UlimitName.NPROC, softLimit: 4096, hardLimit: 4096 },
      ],
    });
    container.addMountPoints(
      ...WRITABLE.map((path) => ({ containerPath: path, sourceVolume: volumeName(path), readOnly: false })),
    );
    // Hostile code runs here: there is no role whose credentials it could find. The library always makes one.
    const definition = this.definition.node.defaultChild as CfnTaskDefinition;
    definition.taskRoleArn = undefined;
    this.definition.node.tryRemoveChild('TaskRole');
    Validations.of(this.#imagePuller).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken knows no resource',
    });
  }

  /** The keeper starts and stops sandboxes, and nobody else does. */
  mayBeKeptBy(keeper: AirlockFunction<'events/keeper'>): void {
    // The emulator checks every ECS action against the cluster, and knows none of these conditions.
    if (keeper.stage.isEmulated) {
      keeper.allow(['iam:PassRole'], [this.#imagePuller.roleArn]);
      keeper.allow(['ecs:RunTask', 'ecs:DescribeTasks', 'ecs:StopTask', 'ecs:ListTasks'], [this.cluster.clusterArn]);
      return;
    }
    keeper.allow(['iam:PassRole'], [this.#imagePuller.roleArn], {
      StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
    });
    const inCluster = { ArnEquals: { 'ecs:cluster': this.cluster.clusterArn } };
    keeper.allow(['ecs:RunTask'], [this.definition.taskDefinitionArn], inCluster);
    keeper.allow(['ecs:DescribeTasks', 'ecs:StopTask'], [this.cluster.arnForTasks('*')], inCluster);
    // ListTasks knows no resource but container instances; the condition holds it to our cluster.
    keeper.allow(['ecs:ListTasks'], ['*'], inCluster);
  }

  #linuxParameters(): LinuxParameters {
    // `tini` is the image's entry point, so ECS adds no init of its own.
    const parameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: false });
    parameters.dropCapabilities(...DROPPED);
    return parameters;
  }
}

const volumeName = (path: string): string => path.slice(1);
