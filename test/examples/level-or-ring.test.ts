/** One program, on `level` and on a cluster: it prints the same. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireBuild, runToEnd, startDaemons, temporaryDirectory } from '../support/processes.ts';

const PROGRAM = fileURLToPath(new URL('../../examples/level-or-ring.mjs', import.meta.url));

describe('examples/level-or-ring.mjs', () => {
  beforeAll(requireBuild);

  it('prints on a cluster what it prints on level, also when it is run again', async () => {
    await using directory = await temporaryDirectory();
    await using cluster = await startDaemons(3, 3);
    const runs = [];
    for (const place of [['level', join(directory.path, 'db')], ['ring', cluster.urls.join(',')], ['ring', cluster.urls.join(',')]]) runs.push(await runToEnd([PROGRAM, ...place]));
    const [level, ring, again] = runs;
    expect(level).toMatchObject({ status: 0, output: expect.stringContaining('fruit:banana = yellow\nfruit:cherry = red\n') });
    expect(level?.output.trimEnd().split('\n')).toHaveLength(13);
    expect(ring).toStrictEqual(level);
    expect(again).toStrictEqual(level);
  });
});
