/** API.md against the declarations of the package: every public name, member and value, and none that is not there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireBuild } from '../support/processes.ts';
import { ROOT } from './installed-package.ts';
import { exportsOf, type Exported, type Member } from './public-api.ts';

const ENTRIES = { root: 'dist/client/index.d.ts', browser: 'dist/client/browser.d.ts', cluster: 'dist/node/cluster.d.ts' };

beforeAll(requireBuild);

function publicNames(): Map<string, Exported> {
  return new Map([...exportsOf(join(ROOT, ENTRIES.root)), ...exportsOf(join(ROOT, ENTRIES.cluster))]);
}

/** Name → what stands below its heading. */
async function sections(): Promise<Map<string, string>> {
  const [, ...parts] = (await readFile(join(ROOT, 'API.md'), 'utf8')).split(/^### /m);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n')).split(/^## /m)[0] ?? '']));
}

const withoutSpace = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** As its row begins: name, parameters, type. */
function rowOf({ name, parameters, type }: Member): string {
  return withoutSpace(`${name}${parameters === null ? '' : `(${parameters.join(', ')})`} ${type ?? ''}`);
}

/** The first two cells of each row that begins with code, without its marks; of a value the first alone. */
function rowsOf(section: string): string[] {
  return [...section.matchAll(/^\| `([^`]+)` \|(?: (?:`((?:[^`\\]|\\.)+)` )?)/gm)].map(([, name = '', type = '']) => withoutSpace(`${name} ${type.replaceAll('\\|', '|')}`));
}

describe('API.md', () => {
  it('has a section for every public name, and for no other', async () => {
    const names = [...publicNames().keys()];
    expect(names).toEqual(expect.arrayContaining(['RingClient', 'RingLevel', 'RingError', 'ExplainAnswer', 'createCluster', 'Cluster', 'versionToString']));
    expect([...(await sections()).keys()].toSorted()).toStrictEqual(names.toSorted());
  });

  it('lists every member with its parameters and its type, every value, and no other', async () => {
    const pages = await sections();
    const listed: Record<string, readonly string[]> = {};
    const expected: Record<string, readonly string[]> = {};
    for (const [name, { members, kind }] of publicNames()) {
      expected[name] = members.map(rowOf).toSorted();
      listed[name] = rowsOf(pages.get(name) ?? '').map((row) => (kind === 'type' ? row.replace(/ .*$/, '') : row)).toSorted();
    }
    expect(expected['RingClient']).toContain('put(key, value, options?) Promise<WriteAnswer>');
    expect(expected['RingError']).toContain('retryable boolean');
    expect(expected['WriteSaid']).toContain("'hints-full'");
    expect(listed).toStrictEqual(expected);
  });

  it('shows functions and other types as they are declared', async () => {
    const pages = await sections();
    const shown = [...publicNames().values()].filter(({ kind, members }) => kind === 'function' || (kind === 'type' && members.length === 0));
    expect(shown.length).toBeGreaterThanOrEqual(10);
    for (const { name, text } of shown) expect(withoutSpace(pages.get(name) ?? '')).toContain(`${name}${/^[<(]/.test(text) ? '' : ' '}${text}`);
  });

  it('links to headings of the README that are there', async () => {
    const [page, readme] = await Promise.all(['API.md', 'README.md'].map(async (name) => readFile(join(ROOT, name), 'utf8')));
    const anchors = new Set([...(readme ?? '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')));
    const linked = [...(page ?? '').matchAll(/\]\(README\.md#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(linked.length).toBeGreaterThanOrEqual(5);
    expect(linked.filter((anchor) => !anchors.has(anchor))).toStrictEqual([]);
  });
});

describe('the declarations', () => {
  it('say what every public name is, and every method', () => {
    const without: string[] = [];
    for (const { name, doc, members } of publicNames().values()) {
      if (doc === '') without.push(name);
      for (const member of members) if (member.parameters !== null && member.doc === '') without.push(`${name}.${member.name}`);
    }
    expect(without).toStrictEqual([]);
  });

  it('are those of the run-time objects', async () => {
    const names = publicNames();
    for (const entry of [ENTRIES.root, ENTRIES.cluster]) {
      const module = (await import(join(ROOT, entry.replace('.d.ts', '.js')))) as Readonly<Record<string, unknown>>;
      expect(Object.keys(module).toSorted()).toStrictEqual([...exportsOf(join(ROOT, entry))].filter(([, { kind }]) => kind === 'class' || kind === 'function').map(([name]) => name).toSorted());
      for (const [name, value] of Object.entries(module)) if (names.get(name)?.kind === 'class') expect(methodsOf(value)).toStrictEqual(declaredMethods(names.get(name)));
    }
  });

  it('are the same for a browser', () => {
    const shapes = (entry: string): unknown => [...exportsOf(join(ROOT, entry)).values()].map(({ name, kind, members }) => ({ name, kind, members: members.map(rowOf) })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(shapes(ENTRIES.browser)).toStrictEqual(shapes(ENTRIES.root));
  });
});

/** Of the class and of its bases in this package; abstract-level's are inherited and private ones begin with an underscore. */
function methodsOf(value: unknown): string[] {
  const found = new Set<string>();
  let prototype = (value as { readonly prototype: object }).prototype;
  // RingLevel's base is public and has a section of its own.
  for (let depth = 0; depth < (isLevel(value) ? 1 : 2) && prototype !== Object.prototype && prototype !== Error.prototype; depth++) {
    for (const name of Object.getOwnPropertyNames(prototype)) if (!name.startsWith('_') && Object.getOwnPropertyDescriptor(prototype, name)?.get === undefined) found.add(name);
    prototype = Object.getPrototypeOf(prototype) as object;
  }
  return [...found].toSorted();
}

function isLevel(value: unknown): boolean {
  return 'getWithDetail' in (value as { readonly prototype: object }).prototype && 'batch' in (value as { readonly prototype: object }).prototype;
}

/** Without those that only a type says more of: abstract-level has them. */
function declaredMethods(exported: Exported | undefined): string[] {
  const inherited = exported?.name === 'ReplicatedLevel' ? ['get', 'getMany', 'has', 'hasMany', 'put', 'del', 'batch', 'clear', 'iterator', 'keys', 'values'] : [];
  return (exported?.members ?? []).filter(({ name, parameters }) => parameters !== null && !name.startsWith('[') && !inherited.includes(name)).map(({ name }) => name).toSorted();
}
