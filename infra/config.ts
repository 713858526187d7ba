/** The stages: one set of stacks, and what differs between where they may stand. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';

export interface Stage {
  readonly name: 'local' | 'production';
  /** The emulator lacks some kinds of resources; what stands in for them is in `LocalNetwork` and outside the app. */
  readonly isEmulated: boolean;
  readonly availabilityZones: number;
  /** What becomes of tables, buckets and keys when the stacks are removed. */
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  /** Milliseconds one dispatcher serves a run before it hands over: below the 15 minutes a function may take. */
  readonly dispatchBudgetMs: number;
  /** Milliseconds after which the reconciler looks at a row that nobody touched. */
  readonly untouchedMs: number;
  readonly local?: LocalSettings;
}

/** Where the parts of the local cloud listen; the processes that start them say so. */
export interface LocalSettings {
  readonly emulatorUrl: string;
  readonly valkeyUrl: string;
  readonly publicUrl: string;
  readonly frontDoorSecret: string;
  readonly sandboxImage: string;
  readonly sandboxImageId: string;
}

const MINUTE_MS = 60_000;

/** The stage named by AIRLOCK_STAGE: `production`, unless it says `local`. Throws and names what a local stage lacks. */
export function stageFrom(environment: NodeJS.ProcessEnv): Stage {
  const name = environment.AIRLOCK_STAGE ?? 'production';
  const dispatchBudgetMs = Number(environment.AIRLOCK_DISPATCH_BUDGET_MS ?? 14 * MINUTE_MS);
  if (!(dispatchBudgetMs > 0 && dispatchBudgetMs <= 14 * MINUTE_MS)) {
    throw new Error(
      `AIRLOCK_DISPATCH_BUDGET_MS must be from 1 to ${14 * MINUTE_MS}; it is "${environment.AIRLOCK_DISPATCH_BUDGET_MS}"`,
    );
  }
  if (name === 'production') {
    return {
      name,
      isEmulated: false,
      availabilityZones: 2,
      removalPolicy: RemovalPolicy.RETAIN,
      logRetention: RetentionDays.ONE_YEAR,
      dispatchBudgetMs,
      untouchedMs: MINUTE_MS,
    };
  }
  if (name !== 'local') throw new Error(`AIRLOCK_STAGE must be production or local; it is "${name}"`);
  const needed = (variable: string): string => {
    const value = environment[variable];
    if (!value) throw new Error(`the local stage needs ${variable}; npm start sets it`);
    return value;
  };
  return {
    name,
    isEmulated: true,
    availabilityZones: 1,
    removalPolicy: RemovalPolicy.DESTROY,
    logRetention: RetentionDays.ONE_WEEK,
    dispatchBudgetMs,
    // One machine, and somebody who waits in front of it.
    untouchedMs: MINUTE_MS / 4,
    local: {
      emulatorUrl: needed('AIRLOCK_EMULATOR_URL'),
      valkeyUrl: needed('AIRLOCK_VALKEY_URL'),
      publicUrl: needed('AIRLOCK_PUBLIC_URL'),
      frontDoorSecret: needed('AIRLOCK_FRONT_DOOR_SECRET'),
      sandboxImage: needed('AIRLOCK_SANDBOX_IMAGE'),
      sandboxImageId: needed('AIRLOCK_SANDBOX_IMAGE_ID'),
    },
  };
}
