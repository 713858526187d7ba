import type { SignInAnswer } from '../../core/identity/sign-in.ts';
import { ApiError, type RefusedSubject, secondFactorWanted } from '../../runtime/errors.ts';

/** What somebody is told who is not signed in by this: of all that may be wrong, as little as is of use. */
export function refusalOf(answer: Exclude<SignInAnswer, { outcome: 'signed_in' | 'challenged' }>): ApiError {
  if (answer.outcome === 'slow_down') return new ApiError('too_many_requests', 'Too many sign-ins. Try again in a minute.');
  if (answer.outcome === 'second_factor_wanted') return secondFactorWanted();
  if (answer.outcome === 'unfit_password') {
    const errors = [{ field: 'body.new_password', expected: answer.detail.slice(0, 300), received: 'another' }];
    return new ApiError('validation_failed', 'This password does not do.', { errors });
  }
  return refused({ account: answer.account });
}

export const refused = (about?: RefusedSubject): ApiError =>
  new ApiError('unauthenticated', 'These credentials are not valid.', about ? { about } : {});
