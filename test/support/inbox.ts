/** The inbox of the running instance, read as a mail program reads it. */
import { status, until } from './airlock.ts';

export interface Mail {
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly to: readonly { readonly address: string }[];
  readonly from: readonly { readonly address: string }[];
  readonly headers: Readonly<Record<string, unknown>>;
}

export async function mailsTo(address: string): Promise<Mail[]> {
  const answer = await fetch(`${status.inbox_url}/api/email`, { signal: AbortSignal.timeout(10_000) });
  const all = (await answer.json()) as Mail[];
  return all.filter((mail) => mail.to.some((one) => one.address === address));
}

export const mailTo = (address: string, matches: (mail: Mail) => boolean): Promise<Mail> =>
  until(`mail to ${address}`, async () => (await mailsTo(address)).find(matches));

/** The path of the one link in a mail. */
export function linkIn({ text }: Mail): string {
  const [link, ...others] = text.match(/https?:\/\/\S+/g) ?? [];
  if (link === undefined || others.length > 0) throw new Error(`the mail has not one link: ${text}`);
  const { pathname, search } = new URL(link);
  return `${pathname}${search}`;
}
