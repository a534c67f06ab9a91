import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FOLDERS, importsOf, violations } from './imports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function sources(): Map<string, string> {
  const textByPath = new Map<string, string>();
  for (const folder of Object.keys(FOLDERS)) {
    if (!existsSync(join(ROOT, folder))) continue;
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${name.replaceAll('\\', '/')}`;
      if (path.endsWith('.ts')) textByPath.set(path, readFileSync(join(ROOT, path), 'utf8'));
    }
  }
  return textByPath;
}

const check = (files: Readonly<Record<string, string>>): string[] => violations(new Map(Object.entries(files)));

describe('the import table', () => {
  it('holds for every source file', () => {
    const textByPath = sources();
    expect(textByPath.has('data/store.ts')).toBe(true);
    expect(importsOf(textByPath.get('data/level-kv.ts') ?? '').map(({ specifier }) => specifier)).toContain('classic-level');
    expect(textByPath.has('client/browser.ts')).toBe(true);
    expect(violations(textByPath)).toStrictEqual([]);
  });

  it('lets pass what the table allows', () => {
    const files = {
      'data/index.ts': "import { crc32 } from 'node:zlib';\n// Date, setTimeout\nconst text = 'Math.random';",
      'data/leveldb-check.ts': "import { readFile } from 'node:fs/promises';\nimport { join } from 'node:path';",
      'wire/index.ts': "export * from './frame.ts';",
      'wire/frame.ts': "import { Packr } from 'msgpackr';\nimport type { Version } from '../data/portable.ts';",
      'data/portable.ts': "import xxhash from 'xxhash-wasm';",
      'client/a.ts': "import type { Duplex } from 'node:stream';",
      'client/ws-socket.ts': "import { WebSocket } from 'ws';\nsetImmediate(f);",
      'client/browser.ts': "import { wire } from '../wire/index.ts';\nimport type { Dial } from './ws-socket.ts';\n// Buffer",
      'node/cluster.ts': "import { WebSocket } from 'ws';\nimport net from 'node:net';\nconst now = Date.now();",
      'cli/main.ts': "import { createCluster } from '../node/cluster.ts';\nimport meta from '../package.json' with { type: 'json' };",
    };
    expect(check(files)).toStrictEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a folder that may not be imported', { 'data/a.ts': "import { b } from '../wire/index.ts';", 'wire/index.ts': '' }, 'data/a.ts: imports wire/index.ts; data/ may not import wire/'],
    ['a type from such a folder', { 'wire/a.ts': "import type { B } from '../node/index.ts';", 'node/index.ts': '' }, 'wire/a.ts: imports node/index.ts; wire/ may not import node/'],
    ['a re-export past index.ts', { 'node/a.ts': "export { b } from '../data/b.ts';", 'data/b.ts': '' }, 'node/a.ts: imports data/b.ts, past data/index.ts'],
    ['all of data in the wire', { 'wire/a.ts': "import type { B } from '../data/index.ts';", 'data/index.ts': '' }, 'wire/a.ts: imports data/index.ts; wire/ runs in a browser and imports data/portable.ts'],
    ['ws in a second file of the client', { 'client/a.ts': "import { WebSocket } from 'ws';" }, 'client/a.ts: imports ws, which only client/ws-socket.ts may'],
    ['a global of Node in the wire', { 'wire/a.ts': "const bytes = Buffer.from('a');" }, 'wire/a.ts: uses Buffer, which no browser has'],
    ['a type of Node in the client', { 'client/a.ts': 'let timer: NodeJS.Timeout | null = null;' }, 'client/a.ts: uses NodeJS, which no browser has'],
    [
      'a package of Node on the way of a browser, two files away',
      { 'client/browser.ts': "export { type A } from './a.ts';", 'client/a.ts': "export * from './ws-socket.ts';", 'client/ws-socket.ts': "import { WebSocket } from 'ws';" },
      'a browser would load ws: client/browser.ts → client/a.ts → client/ws-socket.ts',
    ],
    [
      'a builtin of Node on the way of a browser',
      { 'client/browser.ts': "import { a } from '../data/portable.ts';", 'data/portable.ts': "import { crc32 } from 'node:zlib';" },
      'a browser would load node:zlib: client/browser.ts → data/portable.ts',
    ],
    ['a package that is not in the table', { 'client/a.ts': "import pino from 'pino';" }, 'client/a.ts: imports pino'],
    ['a builtin in the client at run time', { 'client/a.ts': "import { type Duplex, pipeline } from 'node:stream';" }, 'client/a.ts: imports node:stream'],
    ['a bare import over several lines', { 'wire/a.ts': "import {\n  a,\n  type B,\n} from 'zod';" }, 'wire/a.ts: imports zod'],
    ['an import for its effect', { 'coordinator/a.ts': "import 'node:net';" }, 'coordinator/a.ts: imports node:net'],
    ['a dynamic import', { 'coordinator/a.ts': "await import('ws');" }, 'coordinator/a.ts: imports ws'],
    ['a computed import', { 'data/a.ts': 'await import(name);' }, 'data/a.ts: imports computed'],
    ['classic-level in a second file', { 'data/a.ts': "import { ClassicLevel } from 'classic-level';" }, 'data/a.ts: imports classic-level, which only data/level-kv.ts may'],
    ['a file system in data beside the files that check LevelDB', { 'data/store.ts': "import { readFile } from 'node:fs/promises';" }, 'data/store.ts: imports node:fs/promises'],
    ['another builtin in the files that check LevelDB', { 'data/leveldb-check.ts': "import { connect } from 'node:net';" }, 'data/leveldb-check.ts: imports node:net'],
    ['a file that is not there', { 'data/a.ts': "import { b } from './b.ts';" }, 'data/a.ts: imports data/b.ts, which is not there'],
    ['the wall clock in the coordinator', { 'coordinator/a.ts': 'const now = `${Date.now()}`;' }, 'coordinator/a.ts: uses Date; time and chance come in through ports'],
    ['chance in data', { 'data/a.ts': 'const x = Math.random();' }, 'data/a.ts: uses Math.random; time and chance come in through ports'],
    ['a timer in data', { 'data/a.ts': 'setTimeout(f, 1);' }, 'data/a.ts: uses setTimeout; time and chance come in through ports'],
    ['a cycle', { 'data/a.ts': "import { b } from './b.ts';", 'data/b.ts': "import type { a } from './a.ts';" }, 'cycle: data/a.ts → data/b.ts → data/a.ts'],
  ])('finds %s', (_, files, violation) => {
    expect(check(files)).toStrictEqual([violation]);
  });
});
