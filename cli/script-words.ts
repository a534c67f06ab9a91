/** The words of one line of a script. Pure. */

export interface Word {
  readonly text: string;
  /** `quoted`: in double quotes, so never a keyword; `"None"` is a text of four letters. */
  readonly form: 'plain' | 'quoted';
}

/**
 * Words are parted by spaces; a word in double quotes is a JSON string; `#` at the beginning of a word starts a comment.
 * A string: what is wrong with the line.
 */
export function wordsOf(line: string): readonly Word[] | string {
  const words: Word[] = [];
  const pattern = /\s*(?:(#.*)|("(?:[^"\\]|\\.)*")(?=\s|$)|([^\s"]\S*)|(".*))/gy;
  for (const match of line.trimEnd().matchAll(pattern)) {
    const [, comment, quoted, plain, broken] = match;
    if (comment !== undefined) break;
    if (broken !== undefined) return `${broken}; a word that begins with a double quote is a JSON string and ends with one`;
    if (plain !== undefined) words.push({ text: plain, form: 'plain' });
    if (quoted === undefined) continue;
    const text = jsonString(quoted);
    if (text === null) return `${quoted}; not a JSON string`;
    words.push({ text, form: 'quoted' });
  }
  return words;
}

function jsonString(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
