import { z } from 'zod';
import { defineRoute } from '../route.ts';

/** What Slack sends when somebody presses a button. Its signature, over the bytes of the body, is the credential. */
export const slackInteraction = defineRoute({
  id: 'slackInteraction',
  method: 'POST',
  path: '/api/v1/slack/interactions',
  permission: 'public',
  summary: 'Decide by a button of a message in Slack.',
  form: 'as_it_came',
  body: z.string().min(1),
  bodyMaxBytes: 64 * 1024,
  responses: { 200: z.strictObject({}) },
});
