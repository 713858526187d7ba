/**
 * Any sequence of decisions, delegations, reassignments, withdrawals and clocks, made by people whose roles come and go, against a
 * model that knows nothing of how a request is kept: only who said what, and in whose place.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorOf, NOW, newExecutionId, openApprovalOf, who } from '../../../test/support/entities.ts';
import type { Approval, ApprovalVersion } from '../../contracts/approval.ts';
import type { ApprovalRule } from '../../contracts/approval-rule.ts';
import type { Actor } from '../identity/actor.ts';
import { advance } from './clocks.ts';
import { type ChangeOutcome, decide } from './decide.ts';
import { delegate, withdrawByRequester } from './places.ts';

const MINUTE_MS = 60_000;
const DIGESTS = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
const [SHOWN = '', ...TIGHTER] = DIGESTS;
const NAMES = ['user-1', 'ann', 'ben', 'cat', 'dan', 'second-ann'];

/** `second-ann` is another account of Ann's address; `user-1` is who asks. */
const emailOf = (name: string): string => `${name === 'second-ann' ? 'ann' : name}@airlock.test`;
const personOf = (name: string): string => emailOf(name);

interface Model {
  /** What anybody's roles are now. */
  readonly roles: Map<string, string[]>;
  minute: number;
  stage: number;
  stageSince: number;
  settled: string | null;
  /** Persons (not accounts) whose voice was heard, by stage; a voice is the speaker's and the place's they spoke in. */
  agreed: { stage: number; digest: string; voices: string[] }[];
  denied: number[];
  status: Approval['status'];
}

interface Real {
  request: Approval;
}

interface Shape {
  readonly stages: { required: number; roles: string[] }[];
  readonly denial: ApprovalRule['denial'];
  readonly timeout: number;
  readonly levels: string[];
}

function ruleFrom(shape: Shape): Partial<ApprovalRule> {
  return {
    stages: shape.stages.map(({ required, roles }, index) => ({
      name: `stage ${index}`,
      required_approvers: required,
      eligible: who({ roles }),
    })),
    denial: shape.denial,
    timeout_minutes: shape.timeout,
    escalation_chain: shape.levels.map((role) => ({
      name: role,
      eligible: who({ roles: [role] }),
      timeout_minutes: shape.timeout,
    })),
    remind_minutes: 7,
  };
}

const actor = (model: Model, name: string): Actor => actorOf(model.roles.get(name) ?? [], name, { email: emailOf(name) });
const nowOf = (model: Model): Date => new Date(NOW.getTime() + model.minute * MINUTE_MS);

/** Eligible as the model sees it: a role of the stage, or of a level whose time has come. */
function isEligible(shape: Shape, model: Model, request: Approval, name: string): boolean {
  const joined = shape.levels.slice(0, request.level);
  const wanted = [...(shape.stages[model.stage]?.roles ?? []), ...joined];
  return personOf(name) !== personOf('user-1') && (model.roles.get(name) ?? []).some((role) => wanted.includes(role));
}

/** The minute in which the stage's time is over. */
const endOf = (shape: Shape, model: Model): number => model.stageSince + shape.timeout * (shape.levels.length + 1);

/** What must be true whatever happened, said from the model alone. */
function holds(shape: Shape, model: Model, { request }: Real): void {
  expect(Date.parse(request.expires_at ?? '') - NOW.getTime()).toBe(endOf(shape, model) * MINUTE_MS);
  expect(request.level).toBeLessThanOrEqual(Math.floor((model.minute - model.stageSince) / shape.timeout));
  expect(request.status).toBe(model.status);
  if (request.status !== 'approved') return;
  for (const [stage, { required }] of shape.stages.entries()) {
    const agreements = model.agreed.filter((one) => one.stage === stage && one.digest === request.approved_digest);
    expect(agreements.length, `stage ${stage}`).toBe(required);
  }
  const voices = model.agreed.filter((one) => one.digest === request.approved_digest).flatMap((one) => one.voices);
  expect(new Set(voices).size, 'no voice counts twice').toBe(voices.length);
  expect(voices).not.toContain(personOf('user-1'));
}

/** Takes a change into request and model; what was refused changes nothing. */
function take(real: Real, outcome: ChangeOutcome): boolean {
  if (outcome.outcome === 'refused') return false;
  real.request = outcome.change.next;
  return true;
}

class Decide implements fc.Command<Model, Real> {
  readonly shape: Shape;
  readonly name: string;
  readonly answer: 'approve' | 'deny';
  readonly digest: string;
  readonly condition: number | null;
  constructor(shape: Shape, name: string, answer: 'approve' | 'deny', digest: string, condition: number | null) {
    this.shape = shape;
    this.name = name;
    this.answer = answer;
    this.digest = digest;
    this.condition = condition;
  }
  check = () => true;
  run(model: Model, real: Real) {
    const before = real.request;
    const tightened = this.condition === null ? undefined : tighterOf(before, this.condition);
    const outcome = decide(
      before,
      actor(model, this.name),
      { decision: this.answer, digest: this.digest, ...(tightened ? { conditions: {} } : {}) },
      nowOf(model),
      { delegators: NAMES.map((name) => actor(model, name)), ...(tightened ? { tightened } : {}) },
    );
    if (!take(real, outcome)) return holds(this.shape, model, real);

    const made = real.request.decisions.at(-1);
    if (!made) throw new Error('a decision was taken and is not there');
    const place = made.on_behalf_of;
    // Whoever decides is eligible now, or stands in for somebody who is, and was given that place.
    expect(model.status).toBe('open');
    expect(model.minute).toBeLessThan(endOf(this.shape, model));
    expect(isEligible(this.shape, model, before, place?.user_id ?? this.name)).toBe(true);
    expect(personOf(this.name)).not.toBe(personOf('user-1'));
    const given = before.delegations.find((one) => one.from.user_id === place?.user_id);
    if (place) {
      expect(given && personOf(given.to.user_id)).toBe(personOf(this.name));
      if (given?.until) expect(nowOf(model).toISOString() < given.until).toBe(true);
    }
    const voices = [...new Set([personOf(this.name), ...(place ? [personOf(place.user_id)] : [])])];
    const required = this.shape.stages[model.stage]?.required ?? 0;
    if (this.answer === 'deny') {
      model.denied.push(model.stage);
      // Whoever denies does not agree any more to anything in this stage.
      model.agreed = model.agreed.filter(
        (one) => one.stage !== model.stage || !one.voices.some((voice) => voices.includes(voice)),
      );
      const denials = model.denied.filter((stage) => stage === model.stage).length;
      if (this.shape.denial === 'ends' || denials >= required) model.status = 'denied';
    } else {
      if (model.settled !== null) expect(made.digest).toBe(model.settled);
      model.agreed.push({ stage: model.stage, digest: made.digest, voices });
      const agreed = model.agreed.filter((one) => one.stage === model.stage && one.digest === made.digest).length;
      if (agreed === required) {
        model.settled = made.digest;
        if (model.stage === this.shape.stages.length - 1) model.status = 'approved';
        else {
          model.stage += 1;
          model.stageSince = model.minute;
        }
      }
    }
    holds(this.shape, model, real);
  }
  toString = () => `${this.name} ${this.answer}s ${this.digest[0]}${this.condition === null ? '' : ` if ${this.condition}`}`;
}

/** The version that the conditions of the given number make. */
function tighterOf(request: Approval, number: number): ApprovalVersion | undefined {
  const [first] = request.versions;
  const digest = TIGHTER[number];
  return first && digest
    ? { ...first, version: number + 2, digest, timeout_seconds: (first.timeout_seconds ?? 0) - 10 - number }
    : undefined;
}

class HandOn implements fc.Command<Model, Real> {
  readonly shape: Shape;
  readonly from: string;
  readonly to: string;
  readonly minutes: number | null;
  constructor(shape: Shape, from: string, to: string, minutes: number | null) {
    this.shape = shape;
    this.from = from;
    this.to = to;
    this.minutes = minutes;
  }
  check = () => true;
  run(model: Model, real: Real) {
    const wasEligible = isEligible(this.shape, model, real.request, this.from);
    const until = this.minutes === null ? null : new Date(nowOf(model).getTime() + this.minutes * MINUTE_MS).toISOString();
    const to = { ...actor(model, this.to), disabled: false, mayApprove: true };
    if (take(real, delegate(real.request, actor(model, this.from), to, { until, reason: null }, nowOf(model)))) {
      expect(wasEligible && model.status === 'open').toBe(true);
    }
    holds(this.shape, model, real);
  }
  toString = () => `${this.from} hands on to ${this.to} for ${this.minutes ?? 'ever'}`;
}

class ChangeRoles implements fc.Command<Model, Real> {
  readonly name: string;
  readonly roles: string[];
  constructor(name: string, roles: string[]) {
    this.name = name;
    this.roles = roles;
  }
  check = () => true;
  run(model: Model) {
    model.roles.set(this.name, this.roles);
  }
  toString = () => `${this.name} is now ${this.roles.join('+') || 'nothing'}`;
}

class Pass implements fc.Command<Model, Real> {
  readonly shape: Shape;
  readonly minutes: number;
  readonly isWatched: boolean;
  constructor(shape: Shape, minutes: number, isWatched: boolean) {
    this.shape = shape;
    this.minutes = minutes;
    this.isWatched = isWatched;
  }
  check = () => true;
  run(model: Model, real: Real) {
    model.minute += this.minutes;
    // The clocks may be late by any time: what is refused must not depend on them.
    if (!this.isWatched) return holds(this.shape, model, real);
    for (let change = advance(real.request, nowOf(model)); change; change = advance(real.request, nowOf(model))) {
      real.request = change.next;
      if (change.next.status === 'expired') {
        expect(model.status).toBe('open');
        expect(model.minute).toBeGreaterThanOrEqual(endOf(this.shape, model));
        model.status = 'expired';
      }
    }
    holds(this.shape, model, real);
  }
  toString = () => `${this.minutes} minutes${this.isWatched ? '' : ' unseen'}`;
}

class Withdraw implements fc.Command<Model, Real> {
  readonly shape: Shape;
  readonly name: string;
  constructor(shape: Shape, name: string) {
    this.shape = shape;
    this.name = name;
  }
  check = () => true;
  run(model: Model, real: Real) {
    if (take(real, withdrawByRequester(real.request, actor(model, this.name), null, nowOf(model)))) {
      expect([model.status, this.name]).toEqual(['open', 'user-1']);
      model.status = 'withdrawn';
    }
    holds(this.shape, model, real);
  }
  toString = () => `${this.name} withdraws`;
}

const ROLES = ['approver', 'lead', 'security'];
const someRoles = fc.subarray(ROLES, { maxLength: 2 });
const shapes: fc.Arbitrary<Shape> = fc.record({
  stages: fc.array(fc.record({ required: fc.integer({ min: 1, max: 3 }), roles: fc.subarray(ROLES) }), {
    minLength: 1,
    maxLength: 2,
  }),
  denial: fc.constantFrom('ends' as const, 'majority' as const),
  timeout: fc.integer({ min: 5, max: 20 }),
  levels: fc.subarray(['lead', 'security']),
});

const name = fc.constantFrom(...NAMES);
const commandsFor = (shape: Shape) =>
  fc.commands<Model, Real>(
    [
      // Mostly agreement on what was submitted: otherwise hardly any sequence gets anywhere.
      fc.tuple(name, fc.constant(SHOWN)).map(([who, digest]) => new Decide(shape, who, 'approve', digest, null)),
      fc
        .tuple(name, fc.constantFrom('approve' as const, 'approve' as const, 'deny' as const), fc.constantFrom(...DIGESTS))
        .map(([who, answer, digest]) => new Decide(shape, who, answer, digest, null)),
      fc.tuple(name, fc.integer({ min: 0, max: 1 })).map(([who, number]) => new Decide(shape, who, 'approve', SHOWN, number)),
      fc
        .tuple(name, name, fc.option(fc.integer({ min: 1, max: 30 }), { nil: null }))
        .map(([from, to, minutes]) => new HandOn(shape, from, to, minutes)),
      fc.tuple(name, fc.constant<string[]>([])).map(([who, roles]) => new ChangeRoles(who, roles)),
      fc.tuple(name, someRoles).map(([who, roles]) => new ChangeRoles(who, roles)),
      fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()).map(([minutes, isWatched]) => new Pass(shape, minutes, isWatched)),
      fc.constantFrom('user-1', 'ann').map((who) => new Withdraw(shape, who)),
    ],
    { maxCommands: 40, size: 'max' },
  );

const people = fc
  .tuple(...NAMES.map(() => someRoles))
  .map((roles) => new Map(NAMES.map((one, index) => [one, roles[index] ?? []])));

describe('no sequence of decisions, delegations and clocks', () => {
  it('approves anything without its quorum of distinct, eligible people on that digest, stage by stage', () => {
    const ends = new Map<string, number>();
    const scenarios = shapes.chain((shape) => fc.tuple(fc.constant(shape), people, commandsFor(shape)));
    fc.assert(
      fc.property(scenarios, ([shape, roles, commands]) => {
        const real: Real = { request: openApprovalOf(newExecutionId(), ruleFrom(shape)) };
        const model: Model = {
          roles: new Map(roles),
          minute: 0,
          stage: 0,
          stageSince: 0,
          settled: null,
          agreed: [],
          denied: [],
          status: 'open',
        };
        fc.modelRun(() => ({ model, real }), commands);
        ends.set(real.request.status, (ends.get(real.request.status) ?? 0) + 1);
      }),
      { numRuns: 1500 },
    );
    // A model that never gets anywhere would prove nothing.
    for (const end of ['approved', 'denied', 'expired', 'withdrawn', 'open'])
      expect(ends.get(end) ?? 0, `${end} of ${JSON.stringify([...ends])}`).toBeGreaterThan(10);
  });
});
