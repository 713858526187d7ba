import { memoryApprovals, memoryExecutions, memoryObjects, memorySandboxes, memoryUploads } from '../support/memory/stores.ts';
import { approvalStoreContract } from './approval-store.ts';
import { executionStoreContract } from './execution-store.ts';
import { objectStoreContract } from './object-store.ts';
import { sandboxStoreContract } from './sandbox-store.ts';
import { uploadStoreContract } from './upload-store.ts';

executionStoreContract('memory', async () => memoryExecutions());
sandboxStoreContract('memory', async () => memorySandboxes(), { runs: 50 });
approvalStoreContract('memory', async () => memoryApprovals());
objectStoreContract('memory', async () => memoryObjects());
uploadStoreContract('memory', async () => memoryUploads());
