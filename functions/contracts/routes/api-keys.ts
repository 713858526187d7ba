import { z } from 'zod';
import { apiKeyView, createApiKeyRequest, createdApiKey, keyId } from '../api-key.ts';
import { userId } from '../identity.ts';
import { defineRoute } from '../route.ts';
import { cursor, nextCursor, wholeNumber } from './paging.ts';

export const createApiKey = defineRoute({
  id: 'createApiKey',
  method: 'POST',
  path: '/api/v1/api-keys',
  permission: 'signed_in',
  summary: 'A key for a program of yours, shown this once. It never may more than you may at that moment.',
  body: createApiKeyRequest,
  responses: { 201: createdApiKey },
});

export const listApiKeys = defineRoute({
  id: 'listApiKeys',
  method: 'GET',
  path: '/api/v1/api-keys',
  permission: 'signed_in',
  summary: 'Your keys, without their secrets; those of somebody else with the permission manage_keys.',
  query: z.strictObject({ user_id: userId.optional(), limit: wholeNumber(1, 100).optional(), cursor: cursor.optional() }),
  responses: { 200: z.object({ api_keys: z.array(apiKeyView), next_cursor: nextCursor }) },
});

const keyParams = z.strictObject({ key_id: keyId });

export const rotateApiKey = defineRoute({
  id: 'rotateApiKey',
  method: 'POST',
  path: '/api/v1/api-keys/{key_id}/rotate',
  permission: 'signed_in',
  summary: 'Its successor, shown this once. The old one works for the overlap; a key may rotate itself.',
  params: keyParams,
  responses: { 201: createdApiKey },
});

export const revokeApiKey = defineRoute({
  id: 'revokeApiKey',
  method: 'DELETE',
  path: '/api/v1/api-keys/{key_id}',
  permission: 'signed_in',
  summary: 'End a key at once. Repeating it changes nothing.',
  params: keyParams,
  responses: { 200: apiKeyView },
});
