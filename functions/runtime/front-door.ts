import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../core/text/json.ts';

/** CloudFront, and the edge on one machine, add the secret; calls around them do not have it. */
export function isThroughFrontDoor(headers: Record<string, string | undefined>, secret: string): boolean {
  const came = Buffer.from(sha256(headers['x-airlock-front-door'] ?? ''));
  return timingSafeEqual(came, Buffer.from(sha256(secret)));
}
