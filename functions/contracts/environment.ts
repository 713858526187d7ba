/**
 * The environment of each function, by the path of its entry point. A construct must hand over exactly these, and the entry point
 * parses them before anything else: a missing or empty one stops the function at start.
 */
import { z } from 'zod';

const text = z.string().min(1);
const executions = { EXECUTIONS_TABLE: text };
const sandboxes = { SANDBOXES_TABLE: text };
const approvals = { APPROVALS_TABLE: text };
const audit = { AUDIT_TABLE: text };
const notifications = { NOTIFICATIONS_TABLE: text };
const identity = { IDENTITY_TABLE: text };
const ephemera = { EPHEMERA_TABLE: text };
const data = { DATA_BUCKET: text };
const valkey = { VALKEY_URL: text };
/** What `apiHandler` needs to know who is calling, and that the call came through the front door. */
const security = { SECURITY_TABLE: text };
const api = { ...identity, ...ephemera, ...security, USER_POOL_ID: text, USER_POOL_CLIENT_ID: text, FRONT_DOOR_SECRET: text };
/** Every one counts requests where all count: in Valkey itself, or, where a function must stand outside the VPC, by one inside. */
const inside = { ...api, ...valkey };
const outside = { ...api, CHECK_LIMITS_FUNCTION: text };

/** What speaks with people outside needs. */
const channels = {
  /** Of the secret that holds tokens and signing secrets. */
  CHANNELS_SECRET: text,
  SLACK_API_URL: text,
  /** What links begin with; left out where nobody said under which address people see us. */
  PUBLIC_URL: text.optional(),
};

export const FUNCTION_ENVIRONMENT = {
  'api/executions': z.object({
    ...inside,
    ...executions,
    ...audit,
    ...sandboxes,
    ...data,
    EXECUTION_STATE_MACHINE_ARN: text,
    SANDBOX_IMAGE_ID: text,
  }),
  'api/approvals': z.object({ ...inside, ...approvals, ...notifications, ...executions, ...audit, ...data }),
  'api/files': z.object({ ...inside, ...data }),
  'api/auth': z.object({
    ...outside,
    ...audit,
    SOCKET_FUNCTION: text,
    /** Seals what the user pool gives. */
    SESSION_KEY_ID: text,
    /** Where browsers sign in on the user pool's own page, and as which client of it; both, or neither where nobody does. */
    SIGN_IN_PAGE_URL: text.optional(),
    PAGE_CLIENT_ID: text.optional(),
  }),
  'api/identity': z.object({ ...outside, ...audit, SOCKET_FUNCTION: text }),
  'api/audit': z.object({ ...inside, ...audit }),
  'api/notifications': z.object({ ...inside, ...approvals, ...notifications }),
  'api/slack': z.object({ ...outside, ...approvals, ...audit, ...data, ...channels }),
  'api/live': z.object({ ...inside }),
  'api/health': z.object({ ...inside, ...executions, ...sandboxes }),
  'api/security': z.object({ ...inside, ...audit, SOCKET_FUNCTION: text, MONITOR_FUNCTION: text }),

  'live/socket': z.object({
    ...identity,
    ...security,
    ...ephemera,
    ...executions,
    FRONT_DOOR_SECRET: text,
    LIVE_ENDPOINT: text,
    CATCH_UP_FUNCTION: text,
  }),
  /** Posts frames to WebSocket connections; outside any VPC. */
  'live/push': z.object({ ...ephemera, ...executions, LIVE_ENDPOINT: text, CATCH_UP_FUNCTION: text }),
  /** Tells those who follow approval requests how one stands, each if they may see it. */
  'live/push-approval': z.object({ ...identity, ...security, ...ephemera, ...approvals, LIVE_ENDPOINT: text }),
  /** Reads the log after a subscription's cursor and hands it to `live/push`; inside the VPC. */
  'live/catch-up': z.object({ ...ephemera, ...executions, ...data, ...valkey, PUSH_FUNCTION: text }),

  'tasks/await-approval': z.object({ ...executions, ...approvals, ...identity, ...audit, ...data }),
  'tasks/advance-approval': z.object({ ...approvals, ...audit }),
  'tasks/join-line': z.object({ ...executions, ...approvals, ...sandboxes, ...audit }),
  'tasks/claim-sandbox': z.object({ ...executions, ...sandboxes, ...audit, SANDBOX_IMAGE_ID: text }),
  'tasks/issue-ticket': z.object({
    ...executions,
    ...approvals,
    ...identity,
    ...ephemera,
    ...data,
    TICKET_KEY_ID: text,
  }),
  'tasks/run-in-sandbox': z.object({
    ...executions,
    ...sandboxes,
    ...ephemera,
    ...audit,
    ...data,
    ...valkey,
    PUSH_FUNCTION: text,
    /** Milliseconds one dispatcher serves a run before it hands over; below its Lambda timeout. */
    DISPATCH_BUDGET_MS: text,
  }),
  'tasks/record': z.object({ ...executions, ...approvals, ...audit, ...data, ...valkey }),
  'tasks/cancel-run': z.object({ ...executions, ...sandboxes, ...ephemera }),
  'tasks/probe-sandbox': z.object({ ...sandboxes }),
  /** Counts requests for functions outside the VPC. */
  'tasks/check-limits': z.object({ ...valkey }),

  'events/keeper': z.object({
    ...sandboxes,
    ...executions,
    CLUSTER_ARN: text,
    TASK_DEFINITION_ARN: text,
    SUBNET_IDS: text,
    SECURITY_GROUP_ID: text,
    TICKET_KEY_ID: text,
    PROBE_FUNCTION: text,
    /** Its own name: what takes a while is handed to an invocation of its own. */
    KEEPER_FUNCTION: text,
    SANDBOX_IMAGE_ID: text,
  }),
  'events/reconciler': z.object({
    ...executions,
    ...approvals,
    ...sandboxes,
    ...audit,
    EXECUTION_STATE_MACHINE_ARN: text,
    APPROVAL_CLOCK_STATE_MACHINE_ARN: text,
    /** Milliseconds after which a row nobody touched is looked at. */
    UNTOUCHED_MS: text,
  }),
  'events/execution-changed': z.object({
    ...approvals,
    ...sandboxes,
    ...audit,
    CANCEL_RUN_FUNCTION: text,
    PUSH_FUNCTION: text,
  }),
  'events/approval-notify': z.object({ ...identity, ...approvals, ...notifications }),
  'events/send-notifications': z.object({
    ...notifications,
    ...ephemera,
    ...approvals,
    ...identity,
    ...channels,
  }),
  'events/approval-changed': z.object({ ...ephemera, APPROVAL_CLOCK_STATE_MACHINE_ARN: text, PUSH_APPROVAL_FUNCTION: text }),
  'events/security-monitor': z.object({ ...security, ...identity, ...audit, SOCKET_FUNCTION: text, USER_POOL_ID: text }),
  'events/audit-anchor': z.object({ ...audit, AUDIT_BUCKET: text }),
  'events/key-rotation': z.object({ ...identity, ...audit }),
  'events/jwks-refresher': z.object({ ...identity, JWKS_URL: text }),
} as const;
export type FunctionName = keyof typeof FUNCTION_ENVIRONMENT;
export type FunctionEnvironment<N extends FunctionName> = z.infer<(typeof FUNCTION_ENVIRONMENT)[N]>;
