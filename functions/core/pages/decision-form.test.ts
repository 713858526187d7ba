import { expect, it } from 'vitest';
import { type DecisionFields, readDecision } from './decision-form.ts';

const now = new Date('2026-11-23T10:00:00.000Z');
const digest = 'a'.repeat(64);
const empty: DecisionFields = {
  digest,
  rationale: '',
  timeout_seconds: '',
  memory_mib: '',
  cpu: '',
  standing_runs: '',
  standing_days: '',
};

it.each<[string, Partial<DecisionFields>, object]>([
  ['approves', { decision: 'approve' }, { decision: 'approve', digest }],
  ['denies, with a reason', { decision: 'deny', rationale: ' no ' }, { decision: 'deny', digest, rationale: ' no ' }],
  [
    'tightens',
    { decision: 'tighten', timeout_seconds: '7.5', memory_mib: '128', cpu: '0.25' },
    { decision: 'approve', digest, conditions: { timeout_seconds: 7.5, resource_limits: { memory: 134_217_728, cpu: 0.25 } } },
  ],
  [
    'grants further runs',
    { decision: 'approve', standing_runs: '3', standing_days: '2' },
    { decision: 'approve', digest, standing: { runs: 3, until: '2026-11-25T10:00:00.000Z' } },
  ],
])('%s', (_, fields, decision) => {
  expect(readDecision({ ...empty, ...fields }, now)).toEqual({ decision });
});

it.each<[string, Partial<DecisionFields>, keyof DecisionFields]>([
  ['no choice', {}, 'decision'],
  ['tighter limits without one', { decision: 'tighten' }, 'timeout_seconds'],
  ['limits with a choice that ignores them', { decision: 'approve', cpu: '0.1' }, 'timeout_seconds'],
  ['a number that is none', { decision: 'tighten', memory_mib: '1e3' }, 'memory_mib'],
  ['a number below zero', { decision: 'tighten', cpu: '-1' }, 'cpu'],
  ['zero', { decision: 'tighten', timeout_seconds: '0' }, 'timeout_seconds'],
  ['part of a run', { decision: 'approve', standing_runs: '1.5' }, 'standing_runs'],
  ['a rationale that is too long', { decision: 'deny', rationale: 'x'.repeat(4001) }, 'rationale'],
])('%s is told of under its field', (_, fields, field) => {
  const read = readDecision({ ...empty, ...fields }, now);
  expect('errors' in read && read.errors.map((error) => error.field)).toContain(field);
});
