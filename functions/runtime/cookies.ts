/** Cookies of pages. Over https their names begin with `__Host-`: a browser then takes them from this very host alone. */

const SESSION = 'airlock_session';
const SIGN_IN = 'airlock_sign_in';
const LINK = 'airlock_link';
const VISIT = 'airlock_visit';

interface Arrived {
  readonly cookies?: readonly string[] | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Where people see us, in a header that only the front door sets. */
export const publicOriginOf = ({ headers }: Arrived): string => headers['x-airlock-public-origin'] ?? '';

const isSecure = (arrived: Arrived): boolean => publicOriginOf(arrived).startsWith('https:');
const nameOf = (arrived: Arrived, name: string): string => (isSecure(arrived) ? `__Host-${name}` : name);

/** The gateway hands cookies over one by one; the emulator leaves them in their header. */
function readCookie(arrived: Arrived, name: string): string | null {
  const all = arrived.cookies ?? (arrived.headers.cookie ?? '').split(';');
  const named = all.map((cookie) => cookie.trim()).filter((cookie) => cookie.startsWith(`${nameOf(arrived, name)}=`));
  // Of two under one name nobody knows which is ours.
  return named.length === 1 ? (named[0]?.slice(nameOf(arrived, name).length + 1) ?? null) : null;
}

function writeCookie(arrived: Arrived, name: string, value: string, seconds: number): string {
  const secure = isSecure(arrived) ? ' Secure;' : '';
  return `${nameOf(arrived, name)}=${value}; Path=/; Max-Age=${seconds};${secure} HttpOnly; SameSite=Lax`;
}

export const sessionCookieOf = (arrived: Arrived): string | null => readCookie(arrived, SESSION);
export const setSessionCookie = (arrived: Arrived, value: string, seconds: number): string =>
  writeCookie(arrived, SESSION, value, seconds);
export const clearSessionCookie = (arrived: Arrived): string => writeCookie(arrived, SESSION, '', 0);

/** What a browser keeps while it signs in on another page. */
export const signInCookieOf = (arrived: Arrived): string | null => readCookie(arrived, SIGN_IN);
export const setSignInCookie = (arrived: Arrived, value: string, seconds: number): string =>
  writeCookie(arrived, SIGN_IN, value, seconds);
export const clearSignInCookie = (arrived: Arrived): string => writeCookie(arrived, SIGN_IN, '', 0);

/** The token of a personal link, from its address on: addresses are written down in too many places. */
export const linkCookieOf = (arrived: Arrived): string | null => readCookie(arrived, LINK);
export const setLinkCookie = (arrived: Arrived, value: string, seconds: number): string =>
  writeCookie(arrived, LINK, value, seconds);
export const clearLinkCookie = (arrived: Arrived): string => writeCookie(arrived, LINK, '', 0);

/** Of whoever came by such a link and said that it is them. */
export const visitCookieOf = (arrived: Arrived): string | null => readCookie(arrived, VISIT);
export const setVisitCookie = (arrived: Arrived, value: string, seconds: number): string =>
  writeCookie(arrived, VISIT, value, seconds);
