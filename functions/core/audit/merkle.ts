/** The root over a list of leaves, as RFC 6962 builds it: leaves and nodes are hashed apart, so that neither can pass for the other. */
import { createHash } from 'node:crypto';

const hash = (prefix: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const sum = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** In hexadecimal; of no leaves the hash of nothing. */
export function merkleRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return createHash('sha256').digest('hex');
  return Buffer.from(rootOf(leaves.map((leaf) => hash(0, Buffer.from(leaf, 'utf8'))))).toString('hex');
}

function rootOf(level: readonly Uint8Array[]): Uint8Array {
  const [only] = level;
  if (level.length === 1 && only) return only;
  // The largest power of two below the number of leaves.
  const left = 2 ** Math.floor(Math.log2(level.length - 1));
  return hash(1, rootOf(level.slice(0, left)), rootOf(level.slice(left)));
}
