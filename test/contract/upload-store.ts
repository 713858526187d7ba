/** What every store of announced uploads keeps. */
import { v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import type { Upload } from '../../functions/contracts/file.ts';
import type { UploadStore } from '../../functions/core/execution/uploads.ts';
import { NOW } from '../support/entities.ts';

const HOUR_MS = 3600_000;
const announced = (): Upload => ({
  file_id: `file_${v7()}`,
  owner_id: 'user-1',
  name: 'é 1.csv',
  size_bytes: 3,
  sha256: 'ab'.repeat(32),
  created_at: NOW.toISOString(),
  verified: false,
});

export function uploadStoreContract(name: string, open: () => Promise<UploadStore>): void {
  describe(`announced uploads in ${name}`, () => {
    it('come back as they were written, until their time is over', async () => {
      const store = await open();
      const [current, past] = [announced(), announced()];
      await store.put(current, new Date(Date.now() + HOUR_MS));
      await store.put(past, new Date(Date.now() - 1000));
      expect(await store.get(current.file_id)).toEqual(current);
      expect(await store.get(past.file_id)).toBeNull();
      expect(await store.get(announced().file_id)).toBeNull();
    });

    it('are never announced a second time', async () => {
      const store = await open();
      const upload = announced();
      const until = new Date(Date.now() + HOUR_MS);
      await store.put(upload, until);
      await expect(store.put({ ...upload, owner_id: 'user-2' }, until)).rejects.toThrow();
      expect(await store.get(upload.file_id)).toEqual(upload);
    });

    it('are marked when their bytes were found right, if they are still there', async () => {
      const store = await open();
      const [upload, gone] = [announced(), announced()];
      await store.put(upload, new Date(Date.now() + HOUR_MS));
      await store.markVerified(upload.file_id);
      await store.markVerified(gone.file_id);
      expect(await store.get(upload.file_id)).toEqual({ ...upload, verified: true });
      expect(await store.get(gone.file_id)).toBeNull();
    });
  });
}
