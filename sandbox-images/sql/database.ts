import { constants, DatabaseSync } from 'node:sqlite';

export interface Database {
  readonly connection: DatabaseSync;
  /** From here on only what a script may do is possible. */
  readonly restrict: () => void;
}

/** Reading facts about tables; every other pragma changes how SQLite works. */
const HARMLESS_PRAGMAS = new Set([
  ...['table_info', 'table_xinfo', 'table_list', 'index_list', 'index_info', 'index_xinfo', 'foreign_key_list', 'foreign_keys'],
  ...[
    'function_list',
    'collation_list',
    'compile_options',
    'user_version',
    'quick_check',
    'integrity_check',
    'foreign_key_check',
  ],
]);
const HARMLESS_MODULES = /^(json_each|json_tree|fts5|rtree|pragma_)/i;

/** Everything is in memory: there is no file a script could open, attach or write. */
export function openDatabase(): Database {
  const connection = new DatabaseSync(':memory:', {
    allowExtension: false,
    defensive: true,
    limits: { length: 100_000_000, sqlLength: 10_000_000, exprDepth: 200, attach: 0, vdbeOp: 250_000 },
  });
  return { connection, restrict: () => connection.setAuthorizer(authorize) };
}

export function authorize(action: number, first: string | null, second: string | null): number {
  const isAllowed = allows(action, first, second);
  return isAllowed ? constants.SQLITE_OK : constants.SQLITE_DENY;
}

function allows(action: number, first: string | null, second: string | null): boolean {
  if (action === constants.SQLITE_ATTACH || action === constants.SQLITE_DETACH) return false;
  if (action === constants.SQLITE_PRAGMA) return HARMLESS_PRAGMAS.has((first ?? '').toLowerCase());
  if (action === constants.SQLITE_FUNCTION) return (second ?? '').toLowerCase() !== 'load_extension';
  if (action === constants.SQLITE_CREATE_VTABLE) return HARMLESS_MODULES.test(second ?? '');
  return true;
}
