/** Keys and indexes of the tables: the constructs create them, the adapters query them. */
export const TABLES = {
  /** One row per execution. */
  executions: {
    partitionKey: 'execution_id',
    stream: true,
    indexes: {
      /** Listing newest first: `list_month` is the month of `created_at`, so that no partition grows for ever. */
      by_month: { partitionKey: 'list_month', sortKey: 'execution_id' },
      by_requester: { partitionKey: 'requester_id', sortKey: 'execution_id' },
      /** Rows that are not done, by phase, oldest change first; `open_phase` is removed when done. */
      by_phase: { partitionKey: 'open_phase', sortKey: 'updated_at' },
      /** Somebody's rows that are not done: `open_requester_id` is removed when done. For counting, so it holds keys alone. */
      by_open_requester: { partitionKey: 'open_requester_id', sortKey: 'execution_id', keysOnly: true },
    },
  },
  /** Sandbox rows (`sbx_…`), and one item each for the pool's members and the admitted executions. */
  sandboxes: { partitionKey: 'sandbox_id', stream: true, timeToLive: 'expires_at_seconds', indexes: {} },
  /** Requests (`apr_…`), notices of them (`ntc_…`, forgotten after a while), and standing approvals (`std_…`). */
  approvals: {
    partitionKey: 'approval_id',
    stream: true,
    timeToLive: 'expires_at_seconds',
    indexes: {
      by_status: { partitionKey: 'status', sortKey: 'approval_id' },
      /** Operations that are no runs, by who asked, type and label (`asked_alike`, only where there is a label). */
      by_alike: { partitionKey: 'asked_alike', sortKey: 'approval_id' },
    },
  },
  /** Messages of a request (under its id), and what a person wants to be told how (`person#<id>`). */
  notifications: {
    partitionKey: 'subject',
    sortKey: 'item',
    stream: true,
    timeToLive: 'expires_at_seconds',
    indexes: {
      /** Messages that are not done, in one queue, by when somebody has to look at them; `queue` is removed when done. */
      by_due: { partitionKey: 'queue', sortKey: 'due_at' },
      /** What people were sent, by day, for counting: `told_on` is the day (UTC), `told_to` the id and address of the person. */
      by_day: { partitionKey: 'told_on', sortKey: 'told_to', keysOnly: true },
    },
  },
  audit: {
    partitionKey: 'entity_id',
    sortKey: 'sequence',
    sortKeyType: 'number',
    indexes: {
      /** One partition an hour takes a thousand records a second, a hundred runs. */
      by_hour: { partitionKey: 'hour', sortKey: 'at' },
    },
  },
  /** `user#<sub>`, `key_…`, `admins` with the ids of those who are, and `jwks` with the pool's verification keys. */
  identity: {
    partitionKey: 'identity_id',
    indexes: {
      /** Users, and what belongs to one. */
      by_list: { partitionKey: 'listed_under', sortKey: 'identity_id' },
      /** Keys whose owner is still to be told that they are due for rotation, the first one first. */
      by_rotation: { partitionKey: 'rotation_watch', sortKey: 'rotation_due_at' },
    },
  },
  /** `events#<day>#<shard>`, `responses`, `restrictions#<subject>`, `limit-resets`, `admin-address#<address>`. */
  security: { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'expires_at_seconds', indexes: {} },
  /** What may expire: connections, subscriptions, run tickets, idempotency keys, uses of API keys. */
  ephemera: { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'expires_at_seconds', indexes: {} },
} as const satisfies Record<string, TableShape>;

interface TableShape {
  readonly partitionKey: string;
  readonly sortKey?: string;
  readonly sortKeyType?: 'string' | 'number';
  readonly stream?: boolean;
  readonly timeToLive?: string;
  readonly indexes: Readonly<Record<string, IndexShape>>;
}
export interface IndexShape {
  readonly partitionKey: string;
  readonly sortKey: string;
  readonly keysOnly?: boolean;
}
export type TableName = keyof typeof TABLES;
