import { describe, expect, it } from 'vitest';
import { clearSessionCookie, sessionCookieOf, setSessionCookie } from './cookies.ts';

const secure = { 'x-airlock-public-origin': 'https://airlock.example' };
const plain = { 'x-airlock-public-origin': 'http://127.0.0.1:8080' };

describe('the cookie of a session', () => {
  it('goes over https to this host alone, and to no script', () => {
    expect(setSessionCookie({ headers: secure }, 'abc', 60)).toBe(
      '__Host-airlock_session=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax',
    );
    expect(clearSessionCookie({ headers: secure })).toContain('__Host-airlock_session=; Path=/; Max-Age=0; Secure;');
    expect(setSessionCookie({ headers: plain }, 'abc', 60)).toBe(
      'airlock_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax',
    );
  });

  it('is read as the gateway and as the emulator hand it over', () => {
    expect(sessionCookieOf({ headers: secure, cookies: ['a=1', '__Host-airlock_session=abc'] })).toBe('abc');
    expect(sessionCookieOf({ headers: { ...plain, cookie: 'a=1; airlock_session=abc' } })).toBe('abc');
  });

  it('is not one that a neighbouring host may have set, nor one of two', () => {
    expect(sessionCookieOf({ headers: { ...secure, cookie: 'airlock_session=abc' } })).toBeNull();
    expect(sessionCookieOf({ headers: { ...secure, cookie: '__Host-airlock_session=a; __Host-airlock_session=b' } })).toBeNull();
    expect(sessionCookieOf({ headers: {} })).toBeNull();
  });
});
