import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import type { PostToConnection } from '../../core/live/ports.ts';

export function postToConnection(endpoint: string): PostToConnection {
  const client = new ApiGatewayManagementApiClient({ endpoint, maxAttempts: 4 });
  return async (connectionId, frame) => {
    try {
      await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(frame) }));
      return 'sent';
    } catch (error) {
      if (error instanceof GoneException) return 'gone';
      throw error;
    }
  };
}

/** Ends a connection; one that is gone already is no error. */
export function closeConnection(endpoint: string): (connectionId: string) => Promise<void> {
  const client = new ApiGatewayManagementApiClient({ endpoint, maxAttempts: 4 });
  return async (connectionId) => {
    try {
      await client.send(new DeleteConnectionCommand({ ConnectionId: connectionId }));
    } catch (error) {
      if (!(error instanceof GoneException)) throw error;
    }
  };
}
