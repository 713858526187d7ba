import { memoryApiKeys } from '../support/memory/api-keys.ts';
import { memoryApprovals } from '../support/memory/approvals.ts';
import { memoryIdentities } from '../support/memory/identities.ts';
import { memoryExecutions, memoryObjects, memorySandboxes, memoryUploads } from '../support/memory/stores.ts';
import { apiKeyStoreContract } from './api-key-store.ts';
import { approvalStoreContract } from './approval-store.ts';
import { executionStoreContract } from './execution-store.ts';
import { identityStoreContract } from './identity-store.ts';
import { objectStoreContract } from './object-store.ts';
import { sandboxStoreContract } from './sandbox-store.ts';
import { uploadStoreContract } from './upload-store.ts';

executionStoreContract('memory', async () => memoryExecutions());
sandboxStoreContract('memory', async () => memorySandboxes(), { runs: 50 });
approvalStoreContract('memory', async () => memoryApprovals());
objectStoreContract('memory', async () => memoryObjects());
apiKeyStoreContract('memory', async () => memoryApiKeys());
identityStoreContract('memory', async () => memoryIdentities());
uploadStoreContract('memory', async () => memoryUploads());
