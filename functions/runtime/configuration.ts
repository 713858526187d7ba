import { readFileSync } from 'node:fs';
import type { Configuration } from '../core/policy/configuration.ts';
import { configurationFromJson } from '../core/policy/configuration-shape.ts';

/** The owner's configuration as it was validated when this function was built; it lies beside the bundle. */
export const readConfiguration = (): Configuration =>
  configurationFromJson(JSON.parse(readFileSync(new URL('./configuration.json', import.meta.url), 'utf8')));
