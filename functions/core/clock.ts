/** Time and ids come from outside, so that the domain's rules can be tested at any moment and in any order. */
export interface Clock {
  now(): Date;
}

export interface Ids {
  /** A UUIDv7 without prefix. */
  uuid(): string;
}
