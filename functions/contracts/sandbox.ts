import { z } from 'zod';
import { timestamp } from './execution.ts';
import { executionId, sandboxId } from './ids.ts';

const common = {
  sandbox_id: sandboxId,
  pool: z.string(),
  /** The key whose tickets it was told to believe. */
  ticket_key_id: z.string().default(''),
  created_at: timestamp,
  updated_at: timestamp,
};
const task = { task_arn: z.string(), address: z.string() };

/** One task of the pool: it serves one run and dies. */
export const sandbox = z.discriminatedUnion('status', [
  z.object({ ...common, status: z.literal('starting'), task_arn: z.string().optional(), probed_at: timestamp.optional() }),
  z.object({ ...common, ...task, status: z.literal('idle'), image_id: z.string() }),
  z.object({
    ...common,
    ...task,
    status: z.literal('claimed'),
    image_id: z.string(),
    execution_id: executionId,
    attempt: z.int().positive(),
  }),
  z.object({
    ...common,
    status: z.literal('stopped'),
    task_arn: z.string().optional(),
    reason: z.string(),
    expires_at_seconds: z.int(),
  }),
]);
export type Sandbox = z.infer<typeof sandbox>;
export type SandboxIn<S extends Sandbox['status']> = Extract<Sandbox, { status: S }>;
