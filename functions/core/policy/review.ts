/**
 * The review: a risk level and findings from the facts of a run, for whoever decides. The same facts always give the same answer. It
 * is a help for reading, not a wall: code can hide its meaning from it, and the sandbox holds anyway.
 */
import type { Finding } from '../../contracts/approval.ts';
import { language, type Manifest } from '../../contracts/manifest.ts';
import type { RiskLevel } from '../../contracts/risk.ts';
import { hiddenKindOf } from '../text/hidden.ts';
import { formatByteSize } from './byte-size.ts';
import type { Configuration } from './configuration.ts';
import { highest, isAtLeast } from './risk.ts';

export type ReviewFacts = Pick<
  Manifest,
  'language' | 'code' | 'stdin' | 'files' | 'environment' | 'limits' | 'timeout_seconds' | 'profile'
>;

export interface Review {
  readonly level: RiskLevel;
  /** What raised the level, in words. */
  readonly factors: readonly string[];
  readonly findings: readonly Finding[];
}

/** Never throws: what cannot be reviewed is `high`. */
export function review(configuration: Configuration, facts: ReviewFacts): Review {
  try {
    return assess(configuration, facts);
  } catch {
    const message = 'the review failed, so nothing is known about this code';
    return { level: 'high', factors: [message], findings: [{ rule: 'review_failed', level: 'high', message, line: null }] };
  }
}

export const LEAST_RISK_OF_OPERATION = 'high' satisfies RiskLevel;

/**
 * Of an operation nobody here knows, from its details as approvers read them: what it does is known to whoever asks alone, so it is never
 * less than `high`.
 */
export function reviewOperation(configuration: Configuration, details: string): Review {
  const unknown: Factor = { level: LEAST_RISK_OF_OPERATION, text: 'what this operation does is not known to the review' };
  try {
    return reviewOf([...dangerousPatterns(configuration, details), ...hiddenCharacters(details)], [unknown]);
  } catch {
    return { level: LEAST_RISK_OF_OPERATION, factors: [unknown.text], findings: [] };
  }
}

/** Whether the owner's threshold refuses such a run outright; never without a threshold. */
export function isBlocked(configuration: Configuration, level: RiskLevel): boolean {
  const threshold = configuration.riskThresholds.blocked_execution;
  return threshold !== null && isAtLeast(level, threshold);
}

interface Factor {
  readonly level: RiskLevel;
  readonly text: string;
}

/** Findings are kept in the approval's row; the factors still count what is left out. */
const MAX_FINDINGS_PER_RULE = 10;
const MAX_FINDINGS = 50;
const LARGE_INPUT_BYTES = 256 * 1024;
const CODE_ENDINGS = /\.(py|mjs|cjs|js|mts|cts|ts|sh|sql)$/i;

function assess(configuration: Configuration, facts: ReviewFacts): Review {
  language.parse(facts.language);
  return reviewOf(
    [...dangerousPatterns(configuration, facts.code), ...hiddenCharacters(facts.code)],
    [...factorsOf(configuration, facts)],
  );
}

function reviewOf(hits: readonly Hit[], known: readonly Factor[]): Review {
  const factors = [...known, ...hits.map(factorOf)];
  const findings = hits.flatMap(({ rule, level, message, lines }) =>
    lines.slice(0, MAX_FINDINGS_PER_RULE).map((line): Finding => ({ rule, level, message, line })),
  );
  return {
    level: highest(factors.map((factor) => factor.level)),
    factors: factors.map((factor) => factor.text),
    findings: findings
      .sort((a, b) => Number(isAtLeast(b.level, a.level)) - Number(isAtLeast(a.level, b.level)))
      .slice(0, MAX_FINDINGS),
  };
}

function* factorsOf(configuration: Configuration, facts: ReviewFacts): Generator<Factor> {
  const { review: thresholds, environments, profiles } = configuration;
  const environment = Object.hasOwn(environments, facts.environment) ? environments[facts.environment] : undefined;
  if (!environment) yield { level: 'high', text: `the environment ${facts.environment} is not known` };
  if (!Object.hasOwn(profiles, facts.profile.name)) {
    yield { level: 'high', text: `the security profile ${facts.profile.name} is not known` };
  }
  if (facts.profile.name === 'trusted') yield { level: 'medium', text: 'the security profile is trusted' };
  if (facts.language === 'bash') yield { level: 'medium', text: 'bash can start any program of the image' };

  const { memory_bytes, cpu } = facts.limits;
  if (facts.timeout_seconds > thresholds.long_execution_seconds) {
    yield {
      level: 'medium',
      text: `it may run for ${facts.timeout_seconds} s (more than ${thresholds.long_execution_seconds} s)`,
    };
  }
  if (memory_bytes > thresholds.large_memory_bytes) {
    const usual = formatByteSize(thresholds.large_memory_bytes);
    yield { level: 'medium', text: `it may use ${formatByteSize(memory_bytes)} of memory (more than ${usual})` };
  }
  if (cpu > thresholds.large_cpu) yield { level: 'medium', text: `it may use ${cpu} CPUs (more than ${thresholds.large_cpu})` };
  if (environment && exceeds(facts.limits, environment.limits)) {
    yield { level: 'medium', text: `its limits are above those of the environment ${facts.environment}` };
  }

  const code = facts.files.filter((file) => CODE_ENDINGS.test(file.path));
  if (code.length > 0) {
    yield { level: 'medium', text: `files that may hold code the review has not read: ${listed(code.map((file) => file.path))}` };
  }
  const inputBytes = facts.files.reduce((sum, file) => sum + file.size_bytes, Buffer.byteLength(facts.stdin ?? ''));
  if (inputBytes > LARGE_INPUT_BYTES) yield { level: 'medium', text: `${inputBytes} bytes of input` };
}

const exceeds = (limits: Manifest['limits'], offered: Manifest['limits']): boolean =>
  limits.memory_bytes > offered.memory_bytes ||
  limits.cpu > offered.cpu ||
  limits.disk_bytes > offered.disk_bytes ||
  limits.processes > offered.processes ||
  limits.open_files > offered.open_files;

const listed = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');

/** One rule and the lines it was found on, each line once, in order. */
interface Hit {
  readonly rule: string;
  readonly level: RiskLevel;
  readonly message: string;
  readonly lines: readonly number[];
}

const factorOf = ({ level, message, lines }: Hit): Factor => ({
  level,
  text: `${message} (${lines.length === 1 ? `line ${lines[0]}` : `${lines.length} lines`})`,
});

/**
 * The owner's patterns, found literally after case and white space are folded on both sides. A needless hit (`literal_eval(`) costs a
 * glance; a missed one costs more, so no word boundaries are asked for.
 */
function* dangerousPatterns(configuration: Configuration, code: string): Generator<Hit> {
  const text = fold(code);
  for (const { pattern, level } of configuration.review.dangerous_patterns) {
    const wanted = fold(pattern).folded;
    if (wanted === '') throw new Error('a pattern without characters finds nothing');
    const lines = new Set<number>();
    for (let at = text.folded.indexOf(wanted); at >= 0; at = text.folded.indexOf(wanted, at + wanted.length))
      lines.add(text.lineAt(at));
    if (lines.size > 0) yield { rule: 'dangerous_pattern', level, message: `contains "${pattern}"`, lines: [...lines] };
  }
}

interface Folded {
  readonly folded: string;
  /** Line, from 1, on which the character at this place of `folded` stood. */
  readonly lineAt: (index: number) => number;
}

/** Lower case; white space (also a shell's `\` at the end of a line) is one space between two words, and nothing beside a sign. */
function fold(text: string): Folded {
  const parts: string[] = [];
  const starts: number[] = [];
  const lines: number[] = [];
  let length = 0;
  let line = 1;
  let gap = false;
  let afterWord = false;
  for (const [token] of text.toLowerCase().matchAll(/(?:\\\r?\n|\s)+|[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu)) {
    if (/^(\\\r?\n|\s)/.test(token)) {
      gap = true;
      line += token.split('\n').length - 1;
      continue;
    }
    const isWord = /^[\p{L}\p{N}_]/u.test(token);
    if (gap && afterWord && isWord) {
      parts.push(' ');
      length += 1;
    }
    parts.push(token);
    starts.push(length);
    lines.push(line);
    length += token.length;
    gap = false;
    afterWord = isWord;
  }
  return { folded: parts.join(''), lineAt: (index) => lines[lastNotAbove(starts, index)] ?? 1 };
}

/** Index of the last of the ascending numbers that is not above `value`. */
function lastNotAbove(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((ascending[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Characters that let code look other than it runs: direction overrides, invisible characters, control characters. */
function* hiddenCharacters(code: string): Generator<Hit> {
  const lines = code.split('\n').flatMap((text, index) => (hidesSomething(text.replace(/\r$/, '')) ? [index + 1] : []));
  const message = 'contains characters that are not shown as they run';
  if (lines.length > 0) yield { rule: 'hidden_characters', level: 'high', message, lines };
}

/** Joiners and variation selectors belong to emoji and to scripts that need them. */
const JOINERS = /^(\u200c|\u200d|[\ufe00-\ufe0f])$/;

const hidesSomething = (line: string): boolean =>
  Array.from(line).some((character) => hiddenKindOf(character) !== null && !JOINERS.test(character));
