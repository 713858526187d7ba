import { postToConnection } from '../../adapters/apigateway/post.ts';
import { dynamoApprovals } from '../../adapters/dynamo/approvals.ts';
import { dynamoLive } from '../../adapters/dynamo/live.ts';
import { approvalPush } from '../../contracts/live.ts';
import { tellOfApproval } from '../../core/live/approvals.ts';
import { readConfiguration } from '../../runtime/configuration.ts';
import { environmentOf } from '../../runtime/environment.ts';
import { liveHolders } from '../../runtime/live-holder.ts';
import { log } from '../../runtime/log.ts';
import { clock } from '../../runtime/system.ts';
import { taskHandler } from '../../runtime/task-handler.ts';

const environment = environmentOf('live/push-approval');
const approvals = dynamoApprovals({ approvals: environment.APPROVALS_TABLE, audit: '' });
const parts = {
  store: dynamoLive(environment.EPHEMERA_TABLE),
  post: postToConnection(environment.LIVE_ENDPOINT),
  holderOf: liveHolders(
    {
      identity: environment.IDENTITY_TABLE,
      ephemera: environment.EPHEMERA_TABLE,
      security: environment.SECURITY_TABLE,
    },
    readConfiguration().security,
  ),
  onFailure: (connectionId: string, error: unknown) =>
    log.error('a follower of approvals was not told', error, { connection_id: connectionId }),
};

export const handler = taskHandler('push approval', approvalPush, async ({ approval_id }) => {
  const row = await approvals.get(approval_id);
  return { told: row ? await tellOfApproval(parts, row, clock.now()) : 0 };
});
