import { defineConfig } from 'vitest/config';

/** `unit`, `architecture` and `infra` need nothing but this checkout; the others run against a started local cloud or real containers. */
const project = (name: string, include: string[], more: object = {}) => ({
  test: { name, include, environment: 'node', ...more },
});

/**
 * Waits are on conditions; these limits only end what hangs. A test against a running system that fails is tried once more, and
 * `npm test` names at its end, as unsteady, what passed only then.
 */
const patient = { retry: 1, testTimeout: 180_000, hookTimeout: 240_000 };
/** Most of these tests wait most of the time, and none minds what another one does. */
const together = { ...patient, maxWorkers: 2, sequence: { groupOrder: 1 } };
/** These count what there is, or take something away from everybody, as a killed worker or a server that hangs. */
const alone = { ...patient, fileParallelism: false, sequence: { groupOrder: 2 } };

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        ['test/contract/**/*.test.ts', 'functions/**/*.test.ts', 'local/**/*.test.ts', 'sandbox-images/**/*.test.ts'],
        { testTimeout: 30_000 },
      ),
      project('architecture', ['test/architecture/**/*.test.ts'], { testTimeout: 60_000 }),
      project('infra', ['test/infra/**/*.test.ts'], { testTimeout: 180_000, hookTimeout: 180_000 }),
      project('sandbox', ['test/sandbox/**/*.test.ts'], { ...patient, fileParallelism: false, sequence: { groupOrder: 1 } }),
      project('integration', ['test/integration/**/*.test.ts'], together),
      project('security', ['test/security/**/*.test.ts'], together),
      project('alone', ['test/alone/**/*.test.ts'], alone),
      // Stops and starts the instance under everybody's feet, so it comes last.
      project('durability', ['test/durability/**/*.test.ts'], {
        ...patient,
        fileParallelism: false,
        sequence: { groupOrder: 3 },
      }),
    ],
  },
});
