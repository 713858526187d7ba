import { z } from 'zod';
import { me, userChange, userId, userView } from '../identity.ts';
import { defineRoute } from '../route.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const getMe = defineRoute({
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/me',
  permission: 'signed_in',
  summary: 'Who you are, and what you may do with the credential you sent.',
  responses: { 200: me },
});

export const listUsers = defineRoute({
  id: 'listUsers',
  method: 'GET',
  path: '/api/v1/users',
  permission: 'manage_users',
  summary: 'Everybody who has signed in.',
  query: z.strictObject({ limit: wholeNumber(1, 100).optional(), cursor: cursor.optional() }),
  responses: { 200: z.object({ users: z.array(userView), next_cursor: nextCursor }) },
});

const userParams = z.strictObject({ user_id: userId });

export const getUser = defineRoute({
  id: 'getUser',
  method: 'GET',
  path: '/api/v1/users/{user_id}',
  permission: 'manage_users',
  summary: 'One user.',
  params: userParams,
  responses: { 200: userView },
});

export const updateUser = defineRoute({
  id: 'updateUser',
  method: 'PATCH',
  path: '/api/v1/users/{user_id}',
  permission: 'manage_users',
  summary: 'Change roles, teams, trust, or whether the user may do anything at all. Holds from the next request on.',
  params: userParams,
  body: userChange,
  responses: { 200: userView },
});
