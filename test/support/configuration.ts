import { join } from 'node:path';
import { loadConfiguration } from '../../functions/core/policy/configuration.ts';

/** The configuration as it is shipped. */
export const configuration = loadConfiguration(join(import.meta.dirname, '../../config'));
