import { expect, it } from 'vitest';
import { makeNonce, type NonceStore, useNonce } from './nonce.ts';

const now = new Date('2026-11-23T10:00:00.000Z');
const shown = { cookie: 'c'.repeat(43), approvalId: 'apr_1', digests: ['a'.repeat(64)] };
const random = () => 'r'.repeat(43);

function store(): NonceStore {
  const used = new Set<string>();
  return {
    async use(hash) {
      const isNew = !used.has(hash);
      used.add(hash);
      return isNew;
    },
  };
}

it('a nonce is good once, for what it was made for', async () => {
  const nonces = store();
  const nonce = makeNonce(shown, random, now);
  expect(await useNonce(nonces, shown, nonce, now)).toBe('used');
  expect(await useNonce(nonces, shown, nonce, now)).toBe('again');
});

it.each([
  ['another browser', { cookie: 'd'.repeat(43) }],
  ['another request', { approvalId: 'apr_2' }],
  ['another version', { digests: ['b'.repeat(64)] }],
  ['a version more', { digests: ['a'.repeat(64), 'b'.repeat(64)] }],
])('a nonce is no good for %s, and is not used up by the try', async (_, other) => {
  const nonces = store();
  const nonce = makeNonce(shown, random, now);
  expect(await useNonce(nonces, { ...shown, ...other }, nonce, now)).toBe('other');
  expect(await useNonce(nonces, shown, nonce, now)).toBe('used');
});

it('a nonce is good for an hour, and cannot be made to last longer', async () => {
  const nonce = makeNonce(shown, random, now);
  const later = new Date(now.getTime() + 3600_000);
  expect(await useNonce(store(), shown, nonce, later)).toBe('late');
  const [own, until, signature] = nonce.split('.');
  expect(await useNonce(store(), shown, `${own}.${Number(until) + 1}.${signature}`, later)).toBe('other');
});

it.each(['', 'x', '..', `${'r'.repeat(43)}.1700000000000.`, makeNonce(shown, random, now).toUpperCase()])(
  '%s is no nonce',
  async (text) => {
    expect(await useNonce(store(), shown, text, now)).toBe('other');
  },
);
