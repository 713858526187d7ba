import { describe, expect, it } from 'vitest';
import { NOW, newExecutionId, openApprovalOf } from '../../../test/support/entities.ts';
import { memoryLinks, memoryVisits } from '../../../test/support/memory/personal-links.ts';
import type { Approval } from '../../contracts/approval.ts';
import type { PersonalLink } from '../../contracts/approval-link.ts';
import { sha256 } from '../text/json.ts';
import { beginVisit, isLinkTo, makeLink, readLink, readVisit } from './personal-link.ts';

const TOKEN = 't'.repeat(43);
const minutes = (count: number): Date => new Date(NOW.getTime() + count * 60_000);
const request = { ...openApprovalOf(newExecutionId()), expires_at: minutes(30).toISOString() };

async function linkTo(approval: Approval = request, hours = 72): Promise<PersonalLink | null> {
  const links = memoryLinks();
  const token = await makeLink({ links, random: () => TOKEN, hours }, approval, { user_id: 'user-2', channel: 'email' }, NOW);
  return token === null ? null : readLink(links, token);
}

async function made(...of: Parameters<typeof linkTo>): Promise<PersonalLink> {
  const link = await linkTo(...of);
  if (!link) throw new Error('there is no link');
  return link;
}

describe('a personal link', () => {
  it('is kept by the hash of its token alone', async () => {
    const links = memoryLinks();
    await makeLink({ links, random: () => TOKEN, hours: 1 }, request, { user_id: 'user-2', channel: 'email' }, NOW);
    expect([...links.rows.keys()]).toEqual([sha256(TOKEN)]);
    expect(JSON.stringify([...links.rows.values()])).not.toContain(TOKEN);
  });

  it('is good no longer than the request, and no longer than the owner says', async () => {
    expect((await made()).expires_at).toBe(request.expires_at);
    const lasting = { ...request, expires_at: null };
    expect((await made(lasting)).expires_at).toBe(minutes(72 * 60).toISOString());
    expect((await made({ ...request, expires_at: minutes(180).toISOString() }, 2)).expires_at).toBe(minutes(120).toISOString());
  });

  it('is not made where the owner wants none, nor for what nobody can decide', async () => {
    expect(await linkTo(request, 0)).toBeNull();
    expect(await linkTo({ ...request, status: 'denied', closed_at: NOW.toISOString() })).toBeNull();
    expect(await linkTo({ ...request, expires_at: NOW.toISOString() })).toBeNull();
  });

  it('opens its request while nothing there has changed', async () => {
    expect(isLinkTo(await made(), { ...request, comments: [] }, minutes(29))).toBe(true);
  });

  const others = request.versions.map((version) => ({ ...version, digest: 'b'.repeat(64) }));
  it.each<[string, Approval, Date]>([
    ['another request', openApprovalOf(newExecutionId()), NOW],
    ['a request with one version more', { ...request, versions: [...request.versions, ...others] }, NOW],
    ['a request whose version is another', { ...request, versions: others }, NOW],
    ['a denied request', { ...request, status: 'denied', closed_at: NOW.toISOString() }, NOW],
    [
      'an approved request',
      {
        ...request,
        status: 'approved',
        closed_at: NOW.toISOString(),
        approved_digest: request.digest,
        standing_approval_id: null,
      },
      NOW,
    ],
    ['a request whose time is over', request, minutes(30)],
    ['a request that got more time than the link', { ...request, expires_at: null }, minutes(30)],
  ])('does not open %s', async (_, approval, now) => {
    expect(isLinkTo(await made(), approval, now)).toBe(false);
  });

  it.each(['', 'x', TOKEN.slice(1), `${TOKEN}t`, 'u'.repeat(43)])('is not %j', async (text) => {
    const links = memoryLinks();
    await makeLink({ links, random: () => TOKEN, hours: 1 }, request, { user_id: 'user-2', channel: 'email' }, NOW);
    expect(await readLink(links, text)).toBeNull();
  });
});

describe('a visit', () => {
  it('is to the one request of its link, for a quarter of an hour', async () => {
    const visits = memoryVisits();
    const cookie = await beginVisit({ visits, random: () => TOKEN }, await made(), NOW);
    expect(await readVisit(visits, cookie, request.approval_id, minutes(14))).toMatchObject({ user_id: 'user-2' });
    expect(await readVisit(visits, cookie, request.approval_id, minutes(15))).toBeNull();
    expect(await readVisit(visits, cookie, openApprovalOf(newExecutionId()).approval_id, NOW)).toBeNull();
    expect(await readVisit(visits, cookie, undefined, NOW)).toBeNull();
    expect(await readVisit(visits, 'u'.repeat(43), request.approval_id, NOW)).toBeNull();
    expect([...visits.rows.keys()]).toEqual([sha256(TOKEN)]);
  });

  it('ends with its link', async () => {
    const visits = memoryVisits();
    const cookie = await beginVisit({ visits, random: () => TOKEN }, await made(), minutes(20));
    expect(await readVisit(visits, cookie, request.approval_id, minutes(29))).not.toBeNull();
    expect(await readVisit(visits, cookie, request.approval_id, minutes(30))).toBeNull();
  });
});
