/** All functions in one esbuild run: a second and a half, where a bundler a function would take half a minute. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { FUNCTION_ENVIRONMENT, type FunctionName } from '../functions/contracts/environment.ts';
import { type Configuration, configurationOf, loadConfiguration } from '../functions/core/policy/configuration.ts';
import type { Stage } from './config.ts';

const root = join(import.meta.dirname, '..');

export interface Bundles {
  /** Where a function's bundle lies. */
  readonly bundleOf: (name: FunctionName) => string;
  readonly configuration: Configuration;
}

/** Validates the owner's configuration and bundles every function with what of it is in force in this stage. */
export function bundleFunctions(directory: string, stage: Stage['name']): Bundles {
  const configuration = configurationOf(loadConfiguration(join(root, 'config')), stage);
  const names = Object.keys(FUNCTION_ENVIRONMENT) as FunctionName[];
  buildSync({
    entryPoints: Object.fromEntries(names.map((name) => [`${name}/index`, join(root, 'functions', name, 'index.ts')])),
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    absWorkingDir: root,
    // Some packages are still CommonJS inside and ask for `require`.
    banner: {
      js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
    },
  });
  for (const name of names) writeFileSync(join(directory, name, 'configuration.json'), JSON.stringify(configuration));
  return { bundleOf: (name) => join(directory, name), configuration };
}

/** What the largest run of any environment may use; sandboxes are made for it. */
export function largestJob({ environments }: Configuration): { memoryBytes: number; cpu: number } {
  const limits = Object.values(environments).map((environment) => environment.limits);
  return {
    memoryBytes: Math.max(...limits.map((limit) => limit.memory_bytes)),
    cpu: Math.max(...limits.map((limit) => limit.cpu)),
  };
}
