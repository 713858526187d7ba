/** One line of JSON a message. Callers pass ids, outcomes and durations; never code, output, tokens or passwords. */
type Fields = Record<string, string | number | boolean | null | undefined>;

const write = (level: 'info' | 'warn' | 'error', message: string, fields: Fields): void => {
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`);
};

export const log = {
  info: (message: string, fields: Fields = {}) => write('info', message, fields),
  warn: (message: string, fields: Fields = {}) => write('warn', message, fields),
  error: (message: string, error: unknown, fields: Fields = {}) => write('error', message, { ...fields, ...describe(error) }),
};

/** For stores whose lists go on past a row that cannot be read. */
export const unreadableRow = (row: string, error: unknown): void => log.error('a row cannot be read', error, { row });

const describe = (error: unknown): Fields =>
  error instanceof Error
    ? { error: error.name, detail: error.message.slice(0, 500), stack: error.stack?.split('\n').slice(1, 6).join(' | ') }
    : { error: String(error) };
