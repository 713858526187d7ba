/** The value that a reference of the configuration stands for; null when nobody put it there. */
export type ReadSecret = (reference: string) => Promise<string | null>;
