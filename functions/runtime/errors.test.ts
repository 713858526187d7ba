import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { executeRequest } from '../contracts/execution.ts';
import { login } from '../contracts/routes/auth.ts';
import { openPageSession } from '../contracts/routes/page-session.ts';
import { signInOnPage } from '../contracts/routes/pages.ts';
import { fieldErrorsOf } from './errors.ts';

const errorsOf = (schema: z.ZodType, value: unknown) => {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : fieldErrorsOf('body', parsed.error.issues, value);
};

describe('a refused field', () => {
  it('is named with what was expected and what came', () => {
    expect(errorsOf(executeRequest, { language: 'ruby', code: 7, tiemout: 5 })).toEqual([
      { field: 'body.language', expected: 'one of python, nodejs, bash, sql', received: '"ruby"' },
      { field: 'body.code', expected: 'string', received: '7' },
      { field: 'body.tiemout', expected: 'no such field', received: '5' },
    ]);
  });

  it('that may hold a secret is never repeated', () => {
    const told = JSON.stringify([
      ...errorsOf(executeRequest, { language: 'python', code: 'x', env: { PATH: 'hunter2-hunter2' } }),
      ...errorsOf(login.body, { email: 'a@b.c', password: 'hunter2'.repeat(100) }),
      ...errorsOf(openPageSession.body, { password: 'hunter2', more: 1 }),
      ...errorsOf(signInOnPage.body, { challenge_id: 'x', new_password: 'hunter2', more: { password: ['hunter2'] } }),
      ...errorsOf(signInOnPage.body, { challenge_id: 'x', new_password: 'hunter2'.repeat(100) }),
    ]);
    expect(told).toContain('characters');
    expect(told).not.toContain('hunter2');
  });

  it('cannot steer whoever reads the answer in a terminal', () => {
    const [error] = errorsOf(executeRequest, { language: '\u001b[2J\u202Erev', code: 'x' });
    expect(error?.received).toMatch(/^[\x20-\x7e]+$/);
  });
});
