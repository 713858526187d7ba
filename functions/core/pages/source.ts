/** Source text as an approver must see it: every character of it, and none that could hide. */
import { structuredPatch } from 'diff';
import { madeVisible } from '../text/hidden.ts';
import { type Html, html } from '../text/html.ts';

/** Beyond this a text counts as long: it is opened on purpose, and only then decided on. */
export const LONG_LINES = 120;
export const LONG_CHARACTERS = 12_000;
/** Of a long text, so much stands there before it is opened. */
const FIRST_LINES = 40;
const FIRST_CHARACTERS = 4000;
/** With more lines than these each line is no element of its own. */
const MOST_NUMBERED_LINES = 20_000;

export const isLong = (text: string): boolean => text.length > LONG_CHARACTERS || text.split('\n').length > LONG_LINES;

/** The whole of it, with numbers beside its lines. */
export function sourceOf(text: string, label: string): Html {
  const lines = madeVisible(text).split('\n');
  const content =
    lines.length > MOST_NUMBERED_LINES
      ? lines.map((line) => html`${marked(line)}\n`)
      : lines.map((line) => html`<span class="l">${marked(line)}</span>\n`);
  return html`<pre class="lines" aria-label="${label}"><code>${content}</code></pre>`;
}

/** Its beginning, for a page that says that this is not all. */
export function beginningOf(text: string, label: string): { readonly beginning: Html; readonly linesLeft: number } {
  const all = text.split('\n');
  const beginning = all.slice(0, FIRST_LINES).join('\n').slice(0, FIRST_CHARACTERS);
  return { beginning: sourceOf(beginning, label), linesLeft: all.length - beginning.split('\n').length };
}

/** What shows by itself is text; codes of hidden characters, and white space at the end of a line, are marked. */
function marked(line: string): Html {
  const end = /[ \t]+$/.exec(line);
  const body = end ? line.slice(0, end.index) : line;
  const parts = body
    .split(/(⟦U\+[0-9A-F]{4,6}⟧)/)
    .map((part, index) => (index % 2 === 1 ? html`<mark>${part}</mark>` : html`${part}`));
  return html`${parts}${end ? html`<mark title="white space">${end[0]}</mark>` : ''}`;
}

/** What is worth knowing of a text and cannot be seen in it. */
export function remarksOn(text: string): string[] {
  const lines = text.split('\n');
  const trailing = lines.filter((line) => /[ \t]\r?$/.test(line)).length;
  const returns = lines.filter((line) => line.endsWith('\r')).length;
  return [
    ...(trailing > 0 ? [`White space at the end of ${trailing === 1 ? 'one line' : `${trailing} lines`} is marked.`] : []),
    ...(returns > 0 ? [`${returns === 1 ? 'One line ends' : `${returns} lines end`} as on Windows (CR LF).`] : []),
  ];
}

const CONTEXT_LINES = 3;
/** Past these the texts are too different for a comparison to help, and to be made while somebody waits. */
const MOST_EDITS = 2000;
const MOST_MILLISECONDS = 300;

/** Line by line what became of what; null when they are too different. */
export function differenceOf(before: string, now: string): Html | null {
  const limits = { context: CONTEXT_LINES, maxEditLength: MOST_EDITS, timeout: MOST_MILLISECONDS };
  const patch = structuredPatch('', '', madeVisible(before), madeVisible(now), '', '', limits);
  if (!patch) return null;
  const hunks = patch.hunks.map(
    (hunk) => html`<pre aria-label="from line ${String(hunk.newStart)}">${hunk.lines.map(lineOfDifference)}</pre>`,
  );
  return html`${hunks}`;
}

function lineOfDifference(line: string): Html {
  const [kind, text] = [line[0], marked(line.slice(1))];
  if (kind === '+') return html`<ins>+ ${text}</ins>`;
  return kind === '-' ? html`<del>- ${text}</del>` : html`  ${text}\n`;
}
