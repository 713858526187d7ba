/** The root over a list of leaves, as RFC 6962 builds it: leaves and nodes are hashed apart, so that neither can pass for the other. */
import { createHash } from 'node:crypto';

const hash = (prefix: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const sum = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** In hexadecimal; of no leaves the hash of nothing. */
export const merkleRoot = (leaves: readonly string[]): string => rootOfHashes(Buffer.concat(leaves.map(leafHash)));

/** What the tree holds of a leaf, so that nobody has to hold the leaf. */
export const leafHash = (leaf: string): Uint8Array => hash(0, Buffer.from(leaf, 'utf8'));

/** Of hashes of leaves, one after the other. */
export function rootOfHashes(hashes: Uint8Array): string {
  const root = hashes.length === 0 ? createHash('sha256').digest() : rootOf(hashes);
  return Buffer.from(root).toString('hex');
}

export const HASH_BYTES = 32;

function rootOf(level: Uint8Array): Uint8Array {
  const count = level.length / HASH_BYTES;
  if (count === 1) return level;
  // The largest power of two below the number of leaves.
  const left = 2 ** Math.floor(Math.log2(count - 1)) * HASH_BYTES;
  return hash(1, rootOf(level.subarray(0, left)), rootOf(level.subarray(left)));
}
