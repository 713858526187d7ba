import { describe, expect, it } from 'vitest';
import { html } from '../core/text/html.ts';
import { ApiError } from './errors.ts';
import { PageError } from './pages.ts';

describe('a refusal that comes with its page', () => {
  it('is the same to whoever watches and counts: about whom it is, and what of it', () => {
    const cause = new ApiError('unauthenticated', 'These credentials are not valid.', {
      about: { account: 'somebody@airlock.test' },
      headers: { 'www-authenticate': 'Bearer' },
      errors: [{ field: 'body.code', expected: 'six digits', received: 'five' }],
    });
    const { code, message, about, headers, errors } = new PageError(cause, html`<p>again</p>`);
    expect({ code, message, about, headers, errors }).toEqual({
      code: cause.code,
      message: cause.message,
      about: cause.about,
      headers: cause.headers,
      errors: cause.errors,
    });
  });
});
