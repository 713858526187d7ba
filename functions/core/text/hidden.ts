/** Characters with which text can look other than it is, found and made visible. What is shown keeps every character of what runs. */

export type HiddenKind = 'control' | 'bidirectional' | 'invisible' | 'look_alike';

export interface HiddenCharacter {
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** As `U+202E`. */
  readonly character: string;
  readonly kind: HiddenKind;
}

/** What a single character is by itself; null for one that shows as itself. Tabs and line ends show. */
export function hiddenKindOf(character: string): Exclude<HiddenKind, 'look_alike'> | null {
  if (character === '\t' || character === '\n') return null;
  if (/^\p{Bidi_Control}$/u.test(character)) return 'bidirectional';
  if (/^[\p{Cc}\p{Zl}\p{Zp}]$/u.test(character)) return 'control';
  if (/^[\p{Default_Ignorable_Code_Point}\p{Cn}\p{Co}\p{Cs}]$/u.test(character)) return 'invisible';
  return null;
}

/** Letters of the alphabets whose letters are taken for Latin ones, in a word that has Latin ones too. */
const BORROWED = /^[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}]$/u;
const LATIN = /\p{Script=Latin}/u;

/** Every one of them, in order; a line end of Windows is none. */
export function hiddenCharacters(text: string): HiddenCharacter[] {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .flatMap((line, index) => hiddenInLine(line, index + 1));
}

function hiddenInLine(text: string, line: number): HiddenCharacter[] {
  const characters = Array.from(text);
  const isInMixedWord = mixedWords(characters);
  return characters.flatMap((character, index) => {
    const kind = hiddenKindOf(character) ?? (isInMixedWord(index) && BORROWED.test(character) ? 'look_alike' : null);
    return kind === null ? [] : [{ line, column: index + 1, character: codeOf(character), kind }];
  });
}

/** The text with each of them replaced by its code, as `⟦U+202E⟧`. */
export function madeVisible(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => {
      const characters = Array.from(line);
      const hidden = new Set(hiddenInLine(line, 1).map((found) => found.column - 1));
      return characters.map((character, index) => (hidden.has(index) ? `⟦${codeOf(character)}⟧` : character)).join('');
    })
    .join('\n');
}

/** Whether the character at a place belongs to a word with letters of Latin and of another such alphabet. */
function mixedWords(characters: readonly string[]): (index: number) => boolean {
  const mixed = new Set<number>();
  let start = 0;
  for (let index = 0; index <= characters.length; index += 1) {
    if (index < characters.length && /^[\p{L}\p{N}\p{M}_]$/u.test(characters[index] ?? '')) continue;
    const word = characters.slice(start, index);
    if (word.some((one) => BORROWED.test(one)) && LATIN.test(word.join('')))
      for (let at = start; at < index; at += 1) mixed.add(at);
    start = index + 1;
  }
  return (index) => mixed.has(index);
}

const codeOf = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
