import { describe, expect, it, vi } from 'vitest';
import { assertInsideSandbox, gatherSandboxEvidence, NotASandboxError, type SandboxEvidence } from './guard.ts';
import { createEveryone } from './kill.ts';

const sandbox: SandboxEvidence = { imageMarker: '1', initProcessName: 'tini', hasImageId: true, userId: 0 };

describe('killing everyone', () => {
  it('is refused on this machine, which is no sandbox, before any signal is sent', async () => {
    const kill = vi.fn();
    const everyone = createEveryone({ kill, countLiving: () => 0 });

    expect(() => assertInsideSandbox(gatherSandboxEvidence())).toThrow(NotASandboxError);
    expect(() => everyone.signal('SIGKILL')).toThrow(NotASandboxError);
    expect(() => everyone.signal('SIGSTOP')).toThrow(NotASandboxError);
    await expect(everyone.killAll()).rejects.toThrow(NotASandboxError);
    expect(kill).not.toHaveBeenCalled();
  });

  it.each<Partial<SandboxEvidence>>([
    { imageMarker: undefined },
    { imageMarker: '' },
    { initProcessName: 'systemd' },
    { hasImageId: false },
    { userId: 1000 },
    { userId: undefined } as Partial<SandboxEvidence>,
  ])('is refused when one piece of evidence is missing: %o', (missing) => {
    const kill = vi.fn();
    const everyone = createEveryone({ kill, countLiving: () => 0, evidence: () => ({ ...sandbox, ...missing }) });
    expect(() => everyone.signal('SIGKILL')).toThrow(NotASandboxError);
    expect(kill).not.toHaveBeenCalled();
  });

  it('in a sandbox goes on until nobody lives', async () => {
    const kill = vi.fn();
    const living = [3, 1, 0];
    const everyone = createEveryone({ kill, countLiving: () => living.shift() ?? 0, evidence: () => sandbox });
    await everyone.killAll();
    expect(kill.mock.calls).toEqual([
      [-1, 'SIGKILL'],
      [-1, 'SIGKILL'],
      [-1, 'SIGKILL'],
    ]);
  });

  it('is done at once when there is nobody', async () => {
    const kill = vi.fn(() => {
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    });
    await createEveryone({ kill, countLiving: () => 0, evidence: () => sandbox }).killAll();
    expect(kill).toHaveBeenCalledOnce();
  });
});
