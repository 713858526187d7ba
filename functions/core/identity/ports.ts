/** What is known of a person or agent beside the token: kept by admins, read by every request. */
export interface IdentityRecord {
  readonly user_id: string;
  readonly email: string;
  readonly trusted_agent: boolean;
  readonly disabled: boolean;
}

export interface IdentityStore {
  get(userId: string): Promise<IdentityRecord | null>;
  /** Creates the record at the first sign-in, and keeps the e-mail address current; never touches the other attributes. */
  rememberSignIn(userId: string, email: string): Promise<IdentityRecord>;
}
