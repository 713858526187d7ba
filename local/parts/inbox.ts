import { join } from 'node:path';
import { type Daemon, startDaemon, stopDaemon } from '../daemon.ts';
import { binaryDirectory, type Instance } from '../instance.ts';
import { childEnvironment } from '../run.ts';

export const inboxName = 'inbox';
const stopWithinSeconds = 5;
/** The oldest go first: tests alone leave hundreds behind. */
const KEPT_MAILS = 500;

/** The emulator hands mail on by SMTP, and here it arrives, whoever it was for. It is kept until the instance is reset. */
export const startInbox = (instance: Instance) => startDaemon(instance, mailServer(instance));
export const stopInbox = (instance: Instance) => stopDaemon(instance, inboxName, stopWithinSeconds);

function mailServer(instance: Instance): Daemon {
  const { inbox, smtp } = instance.ports;
  const settings = {
    smtp,
    ip: '127.0.0.1',
    web: inbox,
    'web-ip': '127.0.0.1',
    'mail-directory': join(instance.directory, 'mail'),
    'max-emails': KEPT_MAILS,
  };
  return {
    name: inboxName,
    command: join(binaryDirectory, 'node'),
    args: [
      join(binaryDirectory, 'maildev'),
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    env: childEnvironment(),
    readyWithinSeconds: 30,
    stopWithinSeconds,
    isReady: () => answers(`${instance.inboxUrl}/api/healthz`),
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
