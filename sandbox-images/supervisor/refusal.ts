import type { z } from 'zod';
import type { refusalCode } from '../../functions/contracts/sandbox-protocol.ts';

type RefusalCode = z.infer<typeof refusalCode>;

const HTTP_STATUS: Record<RefusalCode, number> = {
  bad_request: 400,
  ticket_invalid: 401,
  digest_mismatch: 403,
  not_found: 404,
  sandbox_used: 409,
  environment_changed: 409,
  files_missing: 409,
  manifest_invalid: 422,
  file_invalid: 422,
};

/** An expected "no", answered as problem data; it changes nothing in the sandbox. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, detail: string) {
    super(detail);
    this.code = code;
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }
}
