import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BODY_MAX_BYTES, type RouteContract } from './route.ts';
import { decideApproval } from './routes/approvals.ts';
import { commentOnPage, decideOnPage } from './routes/pages.ts';
import { ROUTES_OF_FUNCTION } from './routes.ts';

const routes: readonly RouteContract[] = Object.values(ROUTES_OF_FUNCTION).flat();

/** What a stranger may ask without giving anything that could be guessed. */
const NOTHING_TO_GUESS = [
  'followLink',
  'health',
  'refresh',
  'renewPageSession',
  'revokeToken',
  'showLink',
  'showSignIn',
  'signOutOnPage',
  'slackInteraction',
];

it('whoever is not signed in and could guess has the limits of signing in', () => {
  const open = routes.filter((route) => route.permission === 'public' && route.limits !== 'sign_in');
  expect(open.map((route) => route.id).sort()).toEqual(NOTHING_TO_GUESS);
});

it('a reason or a comment of the length it may have has room in its request, in whatever script it is written', () => {
  const [reason, comment] = ['\u6f22'.repeat(4000), '\u6f22'.repeat(1000)];
  const room = ({ bodyMaxBytes = BODY_MAX_BYTES }: RouteContract): number => bodyMaxBytes - 1024;
  expect(new URLSearchParams({ rationale: reason }).toString().length).toBeLessThan(room(decideOnPage));
  expect(new URLSearchParams({ text: comment }).toString().length).toBeLessThan(room(commentOnPage));
  // As clients write JSON that want it in ASCII.
  const inAscii = JSON.stringify({ rationale: reason }).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  expect(inAscii.length).toBeLessThan(room(decideApproval));
});

it('every route that is described is led to a function', async () => {
  const folder = join(import.meta.dirname, 'routes');
  const modules = await Promise.all(readdirSync(folder).map(async (name): Promise<object> => await import(join(folder, name))));
  const described = modules.flatMap((module) => Object.values(module)).flatMap((value: unknown) => idOf(value) ?? []);
  expect(described.length).toBeGreaterThan(50);
  expect([...new Set(described)].sort()).toEqual(routes.map((route) => route.id).sort());
});

const idOf = (value: unknown): string | null =>
  value !== null && typeof value === 'object' && 'method' in value && 'path' in value && 'id' in value ? String(value.id) : null;
