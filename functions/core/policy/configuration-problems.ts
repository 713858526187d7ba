/** What is wrong in the owner's YAML, said so that it can be mended: file, line, path, what was expected and what is there. */
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';

export type YamlPath = readonly (string | number)[];

export interface ConfigurationProblem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  /** As `languages.python.allowed_packages[0]`; empty for the file as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly received: string;
}

/** Every mistake found, at once. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly ConfigurationProblem[];
  constructor(problems: readonly ConfigurationProblem[]) {
    const count = `${problems.length} mistake${problems.length === 1 ? '' : 's'}`;
    super([`The configuration has ${count}:`, ...problems.map(describe)].join('\n'));
    this.problems = problems;
  }
}

function describe({ file, line, column, path, expected, received }: ConfigurationProblem): string {
  const place = line === null ? file : `${file}:${line}:${column}`;
  return `  ${place}  ${path || '(the whole file)'}\n    expected ${expected}\n    received ${received}`;
}

/** One file: its value, and how to say where in it something is wrong. */
export interface YamlFile {
  readonly value: unknown;
  /** False when `mistakes` leave nothing to look at. */
  readonly isReadable: boolean;
  readonly mistakes: readonly ConfigurationProblem[];
  readonly problem: (path: YamlPath, expected: string, received?: string) => ConfigurationProblem;
}

const NOWHERE = { line: null, column: null };

export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: false, prettyErrors: false });
  const placeOf = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const faults = [...document.errors, ...document.warnings];
  const isReadable = faults.every(isDuplicateKey);
  const mistakes = faults.map((fault) => ({
    file,
    ...placeOf(fault.pos[0]),
    path: isDuplicateKey(fault) ? keyAt(text, fault.pos[0]) : '',
    expected: isDuplicateKey(fault) ? 'each key once in a mapping' : 'valid YAML',
    received: isDuplicateKey(fault) ? 'the key again' : fault.message,
  }));
  const aliases: ConfigurationProblem[] = [];
  visit(document, {
    Alias: (_, alias) => {
      const place = alias.range ? placeOf(alias.range[0]) : NOWHERE;
      aliases.push({ file, ...place, path: '', expected: 'values written out', received: `the alias *${alias.source}` });
    },
  });
  const value: unknown = isReadable && aliases.length === 0 ? document.toJS() : undefined;
  return {
    value,
    isReadable: isReadable && aliases.length === 0,
    mistakes: [...mistakes, ...aliases],
    problem: (path, expected, received) => {
      const offset = offsetOf(document.contents, path);
      return {
        file,
        ...(offset === null ? NOWHERE : placeOf(offset)),
        path: formatPath(path),
        expected,
        received: received ?? printable(valueAt(value, path)),
      };
    },
  };
}

/** The problems of a zod error; each schema's message is read as what was expected. */
export function problemsOf(file: YamlFile, error: z.ZodError): ConfigurationProblem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => file.problem([...path, key], issue.message, `the unknown key ${printable(key)}`));
    }
    if (issue.code === 'invalid_key') {
      return file.problem(path, issue.issues[0]?.message ?? issue.message, `the key ${printable(path.at(-1))}`);
    }
    return file.problem(path, issue.message);
  });
}

const isDuplicateKey = (fault: { code: string }): boolean => fault.code === 'DUPLICATE_KEY';
const keyAt = (text: string, offset: number): string => /^[\w-]*/.exec(text.slice(offset))?.[0] ?? '';

/** Where the last existing node on the path begins; a key's own place, not its value's. */
function offsetOf(contents: Node | null, path: YamlPath): number | null {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? null;
  for (const segment of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(segment));
      if (!pair) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof segment === 'number') {
      node = node.items[segment];
      if (isScalar(node) || isMap(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function valueAt(value: unknown, path: YamlPath): unknown {
  return path.reduce<unknown>(
    (current, segment) =>
      typeof current === 'object' && current !== null ? Object.getOwnPropertyDescriptor(current, segment)?.value : undefined,
    value,
  );
}

const formatPath = (path: YamlPath): string =>
  path.map((segment, index) => (typeof segment === 'number' ? `[${segment}]` : index === 0 ? segment : `.${segment}`)).join('');

const RECEIVED_MAX = 80;

/** A value as JSON on one line, shortened, without characters a terminal would obey. */
function printable(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = (JSON.stringify(value) ?? String(value)).replace(/[\p{Cc}\p{Cf}]/gu, '�');
  return json.length > RECEIVED_MAX ? `${json.slice(0, RECEIVED_MAX)}…` : json;
}
