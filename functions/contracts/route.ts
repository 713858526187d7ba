import type { z } from 'zod';

/** The seed's permission words and their kin. `public` must be said out loud; `signed_in` asks for nothing but a valid identity. */
export const PERMISSIONS = ['execute_code', 'access_agents', 'read_state', 'view_results', 'approve'] as const;
export type Permission = (typeof PERMISSIONS)[number];
export type RoutePermission = Permission | 'public' | 'signed_in';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Everything that is known about one route; handler types, gateway routes and documents come from it. */
export interface RouteContract {
  readonly id: string;
  readonly method: HttpMethod;
  readonly path: `/api/v1/${string}`;
  readonly permission: RoutePermission;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Bytes of body accepted; default 16 KB. */
  readonly bodyMaxBytes?: number;
  /** Success answers by status. An answer of type `bytes` is a redirect or raw content. */
  readonly responses: Readonly<Record<number, z.ZodType>>;
}

export const defineRoute = <const R extends RouteContract>(route: R): R => route;
