/** Who in Slack somebody is: by the e-mail address that our own workspace has for them, and nobody from outside it. */
import { z } from 'zod';
import { callSlack } from './web-api.ts';

interface Connection {
  readonly apiUrl: string;
  readonly token: string;
}

const own = z.object({ team_id: z.string().min(1) });
const info = z.object({
  user: z.object({
    id: z.string(),
    team_id: z.string(),
    deleted: z.literal(false),
    is_bot: z.literal(false),
    // Guests, and people of other companies in a shared channel: others keep their addresses.
    is_restricted: z.literal(false),
    is_ultra_restricted: z.literal(false),
    is_stranger: z.literal(false).optional(),
    is_email_confirmed: z.literal(true).optional(),
    profile: z.object({ email: z.email() }),
  }),
});

/** null: nobody we know, also where Slack does not say. */
export async function addressOfMember(connection: Connection, slackUserId: string): Promise<string | null> {
  // At once: Slack waits three seconds for the answer to a press.
  const [ours, theirs] = await Promise.all([
    callSlack(connection, 'auth.test', {}),
    callSlack(connection, 'users.info', { user: slackUserId }),
  ]);
  if (ours.outcome !== 'ok' || theirs.outcome !== 'ok') return null;
  const workspace = own.safeParse(ours.value).data?.team_id;
  const member = info.safeParse(theirs.value).data?.user;
  if (!member || workspace === undefined || member.team_id !== workspace || member.id !== slackUserId) return null;
  return member.profile.email;
}

/** Says something to one member alone, where they pressed. What becomes of it changes nothing. */
export const whisper = (connection: Connection, to: { channel: string; user: string }, message: Record<string, unknown>) =>
  callSlack(connection, 'chat.postEphemeral', { ...to, ...message });
