import type { z } from 'zod';
import type { Permission } from './identity.ts';

/** `public` must be said out loud; `signed_in` asks for nothing but a valid identity. */
export type RoutePermission = Permission | 'public' | 'signed_in';

/** Of a body, where its route says nothing else. */
export const BODY_MAX_BYTES = 16 * 1024;

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Everything that is known about one route; handler types, gateway routes and documents come from it. */
export interface RouteContract {
  readonly id: string;
  readonly method: HttpMethod;
  readonly path: `/api/v1/${string}` | `/approvals${string}` | `/sign-${string}`;
  readonly permission: RoutePermission;
  readonly summary: string;
  /** Slower limits for tries to get in: by address, and by address and account, which is `email` in the body. */
  readonly limits?: 'sign_in';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Bytes of body accepted; default `BODY_MAX_BYTES`. */
  readonly bodyMaxBytes?: number;
  /** Success answers by status. An answer of type `bytes` is a redirect or raw content. */
  readonly responses: Readonly<Record<number, z.ZodType>>;
  /**
   * For people: it answers with HTML, also when it refuses; its form comes as browsers send forms, with `csrf_token` among the fields;
   * and the cookie of a page is the only credential.
   */
  readonly page?: true;
  /** Whoever came by a personal link to the request in the path may do this too, without having signed in. */
  readonly byLink?: true;
  /** A form that is handed over as the text it came as, because somebody signed that. */
  readonly form?: 'as_it_came';
}

export const defineRoute = <const R extends RouteContract>(route: R): R => route;
