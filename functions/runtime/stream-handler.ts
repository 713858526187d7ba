import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { log } from './log.ts';

/** A row as a table's stream shows it, before and after. */
export interface RowChange {
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

/**
 * The wrapper of functions behind a table's stream. Records are handled in order; the first that fails is reported, so that Lambda
 * starts again there. The reconciler mends what a stream gave up.
 */
export function streamHandler(
  name: string,
  handle: (change: RowChange) => Promise<void>,
): (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse> {
  return async (event) => {
    for (const record of event.Records) {
      try {
        await handle({ before: image(record.dynamodb?.OldImage), after: image(record.dynamodb?.NewImage) });
      } catch (error) {
        log.error(`${name} failed`, error, { sequence_number: record.dynamodb?.SequenceNumber });
        return { batchItemFailures: [{ itemIdentifier: record.dynamodb?.SequenceNumber ?? '' }] };
      }
    }
    log.info(name, { records: event.Records.length });
    return { batchItemFailures: [] };
  };
}

const image = (attributes: unknown): Record<string, unknown> | null =>
  attributes ? unmarshall(attributes as Parameters<typeof unmarshall>[0]) : null;
