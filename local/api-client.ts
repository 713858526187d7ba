import { LocalCloudFailure } from './failure.ts';
import type { Instance, LocalUser, Role } from './instance.ts';

/** Calls the real API as one of the seeded users. Only what the sample needs; the shapes are those of the route contracts. */
export interface ApiClient {
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body: object): Promise<Answer>;
}

/** The API answered, but not with success. */
export class ApiRefusal extends LocalCloudFailure {
  readonly status: number;
  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path} was answered with ${status}: ${body.slice(0, 2000)}`);
    this.status = status;
  }
}

export async function signIn(instance: Instance, role: Role): Promise<ApiClient> {
  const { email, password } = userOf(instance, role);
  const { access_token } = await call<{ access_token: string }>(instance, 'POST', '/api/v1/auth/login', { email, password });
  return {
    get: (path) => call(instance, 'GET', path, undefined, access_token),
    post: (path, body) => call(instance, 'POST', path, body, access_token),
  };
}

export function userOf(instance: Instance, role: Role): LocalUser {
  const user = instance.users.find((candidate) => candidate.role === role);
  if (user === undefined) throw new LocalCloudFailure(`The instance has no user with the role ${role}.`);
  return user;
}

async function call<Answer>(instance: Instance, method: string, path: string, body?: object, token?: string): Promise<Answer> {
  const response = await fetch(`${instance.url}${path}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(40_000),
  });
  const text = await response.text();
  if (!response.ok) throw new ApiRefusal(method, path, response.status, text);
  return JSON.parse(text) as Answer;
}
