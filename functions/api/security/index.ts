import { apiHandler } from '../../runtime/api-handler.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { rateLimitRoutes } from './rate-limits.ts';
import { watchRoutes } from './watch.ts';

const environment = environmentOf('api/security');

export const handler = apiHandler(environment, [...rateLimitRoutes(environment), ...watchRoutes(environment)]);
