import { readFileSync } from 'node:fs';
import type { EdgeConfiguration } from './edge-rules.ts';
import { createEdgeServer } from './edge-server.ts';

const configuration = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as EdgeConfiguration;
const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
const server = createEdgeServer(configuration, log);

server.listen(configuration.port, '127.0.0.1', () => log(`listening on http://127.0.0.1:${configuration.port}`));

process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2000).unref();
});
