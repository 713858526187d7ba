// Preloaded into a node that was started ahead of its job: waits before node resolves its main file (a symbolic link that the
// supervisor makes when the job arrives), so that the right loader is chosen and the program sees no frame of ours.
'use strict';
const fs = require('node:fs');

// The first use of the TypeScript loader is slow, and says that it is experimental.
const emitWarning = process.emitWarning;
process.emitWarning = () => {};
require('node:module').stripTypeScriptTypes('let warm: number = 1');
process.emitWarning = emitWarning;

fs.writeSync(3, 'R');
const job = JSON.parse(readLine(3));
fs.closeSync(3);
for (const name of Object.keys(process.env)) delete process.env[name];
Object.assign(process.env, job.env);
process.chdir(job.directory);
process.argv[1] = fs.realpathSync(process.argv[1]);
process.argv.push(...job.args);
process.execArgv.length = 0;
delete require.cache[__filename];

function readLine(descriptor) {
  const parts = [];
  const buffer = Buffer.alloc(65536);
  for (;;) {
    const length = fs.readSync(descriptor, buffer);
    if (length === 0) process.exit(0);
    parts.push(Buffer.from(buffer.subarray(0, length)));
    if (buffer[length - 1] === 10) return Buffer.concat(parts).toString('utf8');
  }
}
