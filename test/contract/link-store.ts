/** What every store of personal links, and of visits by them, keeps. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ApprovalVisit, PersonalLink } from '../../functions/contracts/approval-link.ts';
import type { LinkStore, VisitStore } from '../../functions/core/approval/personal-link.ts';
import { NOW, newExecutionId, openApprovalOf } from '../support/entities.ts';

const newHash = (): string => randomBytes(32).toString('hex');

export function linkStoreContract(name: string, open: () => Promise<{ links: LinkStore; visits: VisitStore }>): void {
  describe(`personal links in ${name}`, () => {
    it('and visits come back as they were written, each by its own hash, and are not taken for one another', async () => {
      const { links, visits } = await open();
      const { approval_id, digest } = openApprovalOf(newExecutionId());
      const expires_at = new Date(Date.now() + 3600_000).toISOString();
      const visit: ApprovalVisit = { approval_id, user_id: 'user-2', created_at: NOW.toISOString(), expires_at };
      const link: PersonalLink = { ...visit, digests: [digest], channel: 'email' };
      const [ofLink, ofVisit] = [newHash(), newHash()];
      await links.create(ofLink, link);
      await visits.create(ofVisit, visit);
      expect(await links.get(ofLink)).toEqual(link);
      expect(await visits.get(ofVisit)).toEqual(visit);
      expect([await links.get(ofVisit), await visits.get(ofLink), await links.get(newHash())]).toEqual([null, null, null]);
    });
  });
}
