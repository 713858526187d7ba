import { Readable } from 'node:stream';
import {
  cancelAnswer,
  health,
  type Refusal,
  type RunEvent,
  refusal,
  runEvent,
  SUPERVISOR_PORT,
} from '../../contracts/sandbox-protocol.ts';
import type { RunStream, Supervisor } from '../../core/sandbox/ports.ts';

const HEALTH_MS = 2000;
const CANCEL_MS = 10_000;
/** A supervisor samples usage every 50 ms, so a connection that is silent for so long is dead. */
const SILENCE_MS = 10_000;
/** One line is one event; an answer that never ends a line is not ours. */
const MAX_LINE_BYTES = 1024 * 1024;

export function httpSupervisor(address: string): Supervisor {
  const at = (path: string): string => `http://${address}:${SUPERVISOR_PORT}${path}`;
  const bearer = (ticket: string) => ({ authorization: `Bearer ${ticket}` });

  const open = async (path: string, init: RequestInit): Promise<RunStream> => {
    try {
      const answer = await fetch(at(path), init);
      if (answer.status !== 200 || !answer.body) return { outcome: 'refused', refusal: await refusalIn(answer) };
      return { outcome: 'streaming', events: eventsIn(answer.body) };
    } catch {
      return { outcome: 'unreachable' };
    }
  };

  return {
    async health() {
      try {
        const answer = await fetch(at('/healthz'), { signal: AbortSignal.timeout(HEALTH_MS) });
        return answer.ok ? health.parse(await answer.json()) : null;
      } catch {
        return null;
      }
    },
    async putFile(ticket, sha256, body, size) {
      const answer = await fetch(at(`/files/${sha256}`), {
        method: 'PUT',
        headers: { ...bearer(ticket), 'content-type': 'application/octet-stream', 'content-length': String(size) },
        body: Readable.toWeb(Readable.from(body)) as ReadableStream<Uint8Array>,
        duplex: 'half',
      } as RequestInit);
      if (answer.status < 300) {
        await answer.body?.cancel();
        return null;
      }
      return await refusalIn(answer);
    },
    run: (ticket, manifestBytes, signal) =>
      open('/runs', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ticket, manifest_base64: Buffer.from(manifestBytes).toString('base64') }),
        signal,
      }),
    reattach: (ticket, after, signal) => open(`/runs/current/events?after=${after}`, { headers: bearer(ticket), signal }),
    async cancel(ticket, reason) {
      try {
        const answer = await fetch(at('/runs/current/cancel'), {
          method: 'POST',
          headers: { ...bearer(ticket), 'content-type': 'application/json' },
          body: JSON.stringify({ reason }),
          signal: AbortSignal.timeout(CANCEL_MS),
        });
        if (!answer.ok) return 'not_running';
        return cancelAnswer.parse(await answer.json()).was_running ? 'cancelled' : 'not_running';
      } catch {
        return 'unreachable';
      }
    },
    async getFile(ticket, fileId) {
      try {
        const answer = await fetch(at(`/files/${fileId}`), { headers: bearer(ticket) });
        return answer.ok && answer.body ? answer.body : null;
      } catch {
        return null;
      }
    },
  };
}

async function refusalIn(answer: Response): Promise<Refusal> {
  const parsed = refusal.safeParse(await answer.json().catch(() => null));
  return parsed.success ? parsed.data : { code: 'bad_request', detail: `the supervisor answered ${answer.status}` };
}

/** Events as they come, all those of one chunk together. Ends when the connection ends, however it ends. */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly RunEvent[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    while (true) {
      const step = await readWithin(reader, SILENCE_MS);
      if (!step || step.done) return;
      rest += decoder.decode(step.value, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES) throw new Error('the supervisor sent a line that does not end');
      const events = lines.filter((line) => line !== '').map((line) => runEvent.parse(JSON.parse(line)));
      if (events.length > 0) yield events;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>, milliseconds: number) {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), milliseconds);
  });
  return await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
}
