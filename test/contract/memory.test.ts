import { memoryApprovals, memoryExecutions, memorySandboxes } from '../support/memory/stores.ts';
import { approvalStoreContract } from './approval-store.ts';
import { executionStoreContract } from './execution-store.ts';
import { sandboxStoreContract } from './sandbox-store.ts';

executionStoreContract('memory', async () => memoryExecutions());
sandboxStoreContract('memory', async () => memorySandboxes(), { runs: 50 });
approvalStoreContract('memory', async () => memoryApprovals());
