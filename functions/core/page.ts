/** One page of a list; `cursor` is opaque to callers and null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly cursor: string | null;
}
