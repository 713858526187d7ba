import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { binaryDirectory, writePrivateFile } from '../instance.ts';

/**
 * Writes the OCI runtime that podman calls instead of runc, and returns its path. The emulator passes neither the read-only root nor
 * the dropped capabilities, scratch volumes and limits of a task definition to the engine; this puts them into each bundle before runc
 * sees it. Only `create` pays for starting Node.
 */
export function writeSandboxRuntime(directory: string): string {
  const file = join(directory, 'oci-runtime');
  const node = join(binaryDirectory, 'node');
  const hardenBundle = join(import.meta.dirname, 'harden-bundle.ts');
  writePrivateFile(
    file,
    `#!/bin/sh
bundle= previous= creates=
for argument do
  case "$argument" in create) creates=yes ;; esac
  case "$previous" in --bundle|-b) bundle=$argument ;; esac
  previous=$argument
done
if [ -n "$creates" ]; then '${node}' '${hardenBundle}' "$bundle/config.json" || exit 1; fi
exec runc "$@"
`,
  );
  chmodSync(file, 0o700);
  return file;
}
