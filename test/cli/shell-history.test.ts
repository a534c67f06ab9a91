import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HISTORY_LINES_MAX, ShellHistory, historyPath } from '../../cli/shell-history.ts';
import { temporaryDirectory } from '../support/processes.ts';

describe('the history of the shell', () => {
  it('keeps lines for the user alone, but for those that begin with a space', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'a', 'b', 'history');
    const history = await ShellHistory.open(path);
    for (const line of ['get a', ' put secret 1', '', 'get b']) await history.add(line);
    expect((await ShellHistory.open(path)).lines).toEqual(['get a', 'get b']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is cut when it has become long', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'history');
    await writeFile(path, Array.from({ length: 2 * HISTORY_LINES_MAX + 1 }, (_, index) => `${index}\n`).join(''));
    const history = await ShellHistory.open(path);
    expect(history.lines).toHaveLength(HISTORY_LINES_MAX);
    expect(history.lines.at(-1)).toBe(String(2 * HISTORY_LINES_MAX));
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(HISTORY_LINES_MAX + 1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is none where it cannot be read or written', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'file'), '');
    const history = await ShellHistory.open(join(directory.path, 'file', 'history'));
    await history.add('get a');
    expect(history.lines).toEqual([]);
    const isDirectory = await ShellHistory.open(directory.path);
    await isDirectory.add('get a');
    expect(isDirectory.lines).toEqual([]);
  });

  it('lies where the environment says', () => {
    expect(historyPath({ XDG_STATE_HOME: '/s', HOME: '/h' })).toBe('/s/ring-level/history');
    expect(historyPath({ XDG_STATE_HOME: 'relative', HOME: '/h' })).toBe('/h/.local/state/ring-level/history');
  });
});
