import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { resourceLimits } from '../../functions/contracts/manifest.ts';
import { SUPERVISOR_PORT, supervisorEnvironment } from '../../functions/contracts/sandbox-protocol.ts';
import { assertInsideSandbox, gatherSandboxEvidence, IMAGE_ID_FILE } from './guard.ts';
import { createEveryone } from './kill.ts';
import { rehearse } from './rehearsal.ts';
import { createSandbox } from './sandbox.ts';
import { createSupervisorServer } from './server.ts';
import { createTicketVerifier } from './ticket.ts';

/** A result can be fetched for this long; then the task ends, should nobody have ended it. */
const DONE_MILLISECONDS = 10 * 60 * 1000;
const MAX_LIFE_MILLISECONDS = 24 * 60 * 60 * 1000;

const jsonWebKeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });

assertInsideSandbox(gatherSandboxEvidence());
const environment = supervisorEnvironment.parse(process.env);
const log = (message: string): void => console.error(message);
const everyone = createEveryone();

const prestartLimits = resourceLimits.parse(JSON.parse(environment.AIRLOCK_LIMITS));

const sandbox = createSandbox({
  sandboxId: environment.AIRLOCK_SANDBOX_ID,
  imageId: readFileSync(IMAGE_ID_FILE, 'utf8').trim(),
  prestartLimits,
  rehearse: () => rehearse({ limits: prestartLimits, port: SUPERVISOR_PORT }),
  verifyTicket: createTicketVerifier({
    jwks: jsonWebKeySet.parse(JSON.parse(environment.AIRLOCK_TICKET_JWKS)),
    sandboxId: environment.AIRLOCK_SANDBOX_ID,
    now: () => new Date(),
  }),
  everyone,
  log,
  onFinished: () => setTimeout(leave, DONE_MILLISECONDS),
});

/** The end of the task: a stopped task and an expired one leave nothing behind. */
async function leave(): Promise<void> {
  await everyone.killAll();
  process.exit(0);
}

process.on('SIGTERM', leave);
process.on('SIGINT', leave);
setTimeout(leave, MAX_LIFE_MILLISECONDS);
createSupervisorServer(sandbox, log).listen(SUPERVISOR_PORT, () => log(`Listening on ${SUPERVISOR_PORT}.`));
