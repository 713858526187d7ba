import { topicOf } from '../../contracts/live.ts';
import type { RunEvent } from '../../contracts/sandbox-protocol.ts';
import type { LiveSubscribers } from '../../core/execution/dispatch.ts';
import { invokeNow } from '../lambda/invoke.ts';
import { dynamoLive } from './live.ts';

/** How long "nobody follows this run" is believed; a new subscriber is caught up from the log anyway. */
const NOBODY_MS = 500;
const BATCH_BYTES = 200 * 1024;

/**
 * Offers wait here while a batch is under way, and go out together, one batch after the other in order. A batch that fails is dropped:
 * the next one shows the gap, and the subscriber is caught up.
 */
export function liveSubscribers(settings: { ephemeraTable: string; pushFunction: string }): LiveSubscribers {
  const store = dynamoLive(settings.ephemeraTable);
  let waiting: RunEvent[] = [];
  let sending: Promise<void> | null = null;
  let nobodyUntil = 0;

  const sendAll = async (executionId: string): Promise<void> => {
    while (waiting.length > 0) {
      const events = takeBatch();
      if (Date.now() < nobodyUntil) continue;
      try {
        if ((await store.subscribers(topicOf(executionId))).length === 0) nobodyUntil = Date.now() + NOBODY_MS;
        else await invokeNow(settings.pushFunction, { kind: 'events', execution_id: executionId, events });
      } catch {
        // Live delivery never fails a run.
      }
    }
  };

  const takeBatch = (): RunEvent[] => {
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || bytes < BATCH_BYTES)) {
      const event = waiting[count];
      bytes += event && 'text' in event ? event.text.length : 150;
      count += 1;
    }
    return waiting.splice(0, count);
  };

  return {
    offer(executionId, events) {
      waiting = [...waiting, ...events];
      // Also when it ends at once: what is offered later must find nobody sending.
      sending ??= sendAll(executionId).finally(() => {
        sending = null;
      });
    },
    async drained() {
      await sending;
    },
  };
}
