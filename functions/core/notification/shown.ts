/** Text that others wrote, made fit to be read in a message: on one line, nothing hidden, no link of theirs, and said to be cut where it is. */
import { madeVisible } from '../text/hidden.ts';

/** At most so many characters of the text, and whether some are missing. */
export function shown(text: string, maxCharacters: number): string {
  const line = withoutLinks(madeVisible(text.trim()).replaceAll('\t', ' ').replace(/\n+/g, ' ⏎ '));
  const characters = Array.from(line);
  if (characters.length <= maxCharacters) return line;
  return `${characters.slice(0, maxCharacters).join('')}… (cut: ${maxCharacters} of ${characters.length} characters)`;
}

/** Programs that show messages make links of addresses. Only ours may be one. */
const withoutLinks = (text: string): string =>
  text.replace(/:(?=\/\/)|(?<=\b(?:mailto|javascript|data|tel)):/gi, '[:]').replace(/\bwww\./gi, 'www[.]');
