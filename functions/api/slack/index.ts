import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoIdentities } from '../../adapters/dynamo/identities.ts';
import { s3Objects } from '../../adapters/s3/objects.ts';
import { secretsManagerSecrets } from '../../adapters/secretsmanager/secrets.ts';
import { addressOfMember, whisper } from '../../adapters/slack/members.ts';
import * as routes from '../../contracts/routes/slack.ts';
import type { Actor } from '../../core/identity/actor.ts';
import { permissionsOf } from '../../core/identity/actor.ts';
import { authorize } from '../../core/identity/authorize.ts';
import { wantSecondFactor } from '../../core/identity/current.ts';
import { linkTo } from '../../core/notification/message.ts';
import { slackNoteOf } from '../../core/notification/slack.ts';
import { isFromSlack, peopleWith, permitInSlack, pressIn, type SlackPress } from '../../core/notification/slack-interaction.ts';
import { apiHandler, ok, route } from '../../runtime/api-handler.ts';
import { approvalChanges } from '../../runtime/approval-changes.ts';
import { decision } from '../../runtime/approval-decision.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { ApiError } from '../../runtime/errors.ts';
import { everybody } from '../../runtime/everybody.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';

const environment = environmentOf('api/slack');
const { notificationChannels, security } = readConfiguration();
const { slack } = notificationChannels;
const { mfa } = security.authentication;
const secret = secretsManagerSecrets(environment.CHANNELS_SECRET, clock.now);
const approvals = dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: environment.AUDIT_TABLE });
const identities = dynamoIdentities({ identity: environment.IDENTITY_TABLE });
const objects = s3Objects(environment.DATA_BUCKET);
const decideAs = decision({ approvals, identities, objects, clock });
const { change } = approvalChanges({ approvals, executions: null });

interface Connection {
  readonly apiUrl: string;
  readonly token: string;
}

export const handler = apiHandler(environment, [
  route(routes.slackInteraction, async ({ body, headers }) => {
    const signingSecret = slack?.signing_secret ? await secret(slack.signing_secret) : null;
    const token = slack?.bot_token ? await secret(slack.bot_token) : null;
    const { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature } = headers;
    if (signingSecret === null || token === null || !isFromSlack({ timestamp, signature, body }, signingSecret, clock.now())) {
      throw new ApiError('unauthenticated', 'This is not signed by Slack for Airlock, or it is older than five minutes.');
    }
    const press = pressIn(body);
    if (press) await answer(press, { apiUrl: environment.SLACK_API_URL, token });
    return ok({});
  }),
]);

/** A decision shows in the message itself, which is changed like every other; why there is none is told to whoever pressed. */
async function answer(press: SlackPress, connection: Connection): Promise<void> {
  const because = await whyNotDecided(press, connection);
  log.info('pressed in Slack', { approval_id: press.approvalId, slack_user_id: press.slackUserId, decided: because === null });
  if (because === null || press.slackChannelId === null) return;
  const note = slackNoteOf(because, linkTo(press.approvalId, environment.PUBLIC_URL ?? null));
  await whisper(connection, { channel: press.slackChannelId, user: press.slackUserId }, { ...note });
}

/** Decides as the one person of that address would through the API; null when it is decided. */
async function whyNotDecided(press: SlackPress, connection: Connection): Promise<string | null> {
  const [address, approval] = await Promise.all([
    addressOfMember(connection, press.slackUserId),
    approvals.get(press.approvalId),
  ]);
  if (!approval) return 'There is no such request any more.';
  const people = address === null ? [] : await peopleWith(address, await everybody(identities), identities);
  const permit = permitInSlack(approval, people);
  if (!permit.may) return permit.because;
  const { user_id, email, roles, teams, trusted_agent, owner_id } = permit.person;
  // Slack has no second factor of ours.
  if (wantSecondFactor(roles, mfa.required_for_roles)) return 'Your role signs in with a second factor. Sign in to decide.';
  const actor: Actor = {
    ...{ user_id, email, roles, teams, trusted_agent, owner_id },
    permissions: permissionsOf(roles, security.authorization.roles),
    // A session that lasts for this one press.
    credential: {
      kind: 'session',
      session_id: `slack:${press.slackUserId}`,
      issued_at: clock.now().toISOString(),
      second_factor: false,
    },
  };
  if (!authorize(actor, 'approve')) return 'Deciding needs the permission approve.';
  try {
    await change(actor, press.approvalId, (request) =>
      decideAs(request, actor, press.wanted, { channel: 'slack', secondFactor: false }),
    );
    return null;
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}
