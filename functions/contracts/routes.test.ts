import { expect, it } from 'vitest';
import type { RouteContract } from './route.ts';
import { ROUTES_OF_FUNCTION } from './routes.ts';

const routes: readonly RouteContract[] = Object.values(ROUTES_OF_FUNCTION).flat();

/** What a stranger may ask without giving anything that could be guessed. */
const NOTHING_TO_GUESS = ['health', 'refresh', 'renewPageSession', 'showSignIn', 'slackInteraction'];

it('whoever is not signed in and could guess has the limits of signing in', () => {
  const open = routes.filter((route) => route.permission === 'public' && route.limits !== 'sign_in');
  expect(open.map((route) => route.id).sort()).toEqual(NOTHING_TO_GUESS);
});
