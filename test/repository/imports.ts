/** The import table of ARCHITECTURE as a function over source texts: path → text in, violations out. */

interface Folder {
  readonly ours: readonly string[];
  readonly packages: readonly string[];
  /** node: builtins; 'any' for the edge; 'types' where none may be met at run time. */
  readonly builtins: readonly string[] | 'any' | 'types';
}

export const FOLDERS: Readonly<Record<string, Folder>> = {
  config: { ours: [], packages: ['zod'], builtins: ['node:fs', 'node:fs/promises', 'node:path'] },
  data: { ours: [], packages: ['classic-level', 'xxhash-wasm'], builtins: ['node:zlib'] },
  wire: { ours: ['data'], packages: ['msgpackr'], builtins: [] },
  coordinator: { ours: ['data', 'wire'], packages: [], builtins: [] },
  client: { ours: ['data', 'wire'], packages: ['abstract-level', 'ws'], builtins: 'types' },
  node: {
    ours: ['config', 'data', 'wire', 'coordinator', 'client'],
    packages: ['ws', 'proper-lockfile', 'pino', 'prom-client'],
    builtins: 'any',
  },
  cli: {
    ours: ['config', 'data', 'wire', 'coordinator', 'client', 'node'],
    packages: ['abstract-level', 'classic-level', 'msgpackr', 'pino', 'prom-client', 'proper-lockfile', 'ws', 'xxhash-wasm', 'zod'],
    builtins: 'any',
  },
};

const PORTABLE = 'data/portable.ts';
/** What other folders may import of a folder. */
const ENTRANCES: ReadonlySet<string> = new Set([...Object.keys(FOLDERS).map((folder) => `${folder}/index.ts`), PORTABLE, 'node/cluster.ts']);
/** These reach data/ through PORTABLE only, for a type too: they run in a browser. */
const PORTABLE_FOLDERS: ReadonlySet<string> = new Set(['wire', 'client']);
/** What a browser loads, and the packages that run there. */
const BROWSER_ENTRY = 'client/browser.ts';
const BROWSER_PACKAGES: ReadonlySet<string> = new Set(['abstract-level', 'msgpackr', 'xxhash-wasm']);
/** The version of the package is read from here, by the two at the edge. */
const PACKAGE_JSON = 'package.json';
const ONLY_FILES_BY_PACKAGE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  data: { 'classic-level': 'data/level-kv.ts' },
  client: { ws: 'client/ws-socket.ts' },
};
/** The part of data/ that reads LevelDB's files itself may use more of Node than the rest. */
const ONLY_FILES: readonly { readonly builtin: string; readonly path: RegExp }[] = [
  { builtin: 'node:fs/promises', path: /^data\/leveldb-[a-z-]+\.ts$/ },
  { builtin: 'node:path', path: /^data\/leveldb-[a-z-]+\.ts$/ },
];
const PURE_FOLDERS: ReadonlySet<string> = new Set(['coordinator', 'data']);
/** Of Node only, though it needs no import. */
const NODE_ONLY = /\b(?:Buffer|process|setImmediate|clearImmediate|NodeJS)\b/g;
/** The files that ask first whether it is there, or that no browser gets. */
const NODE_ONLY_FILES: ReadonlySet<string> = new Set(['wire/base64.ts', 'client/node-platform.ts', 'client/ws-socket.ts']);
const IMPURE = /\b(?:Date|Math\s*\.\s*random|setTimeout|setInterval|setImmediate|performance)\b/g;

export function violations(textByPath: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [path, text] of textByPath) {
    const targets: string[] = [];
    for (const { specifier, isErased } of importsOf(text)) {
      const target = specifier.startsWith('.') ? resolve(path, specifier) : null;
      if (target === null) found.push(...externalViolations(path, specifier, isErased));
      else {
        targets.push(target);
        found.push(...internalViolations(path, target, textByPath));
      }
    }
    edges.set(path, targets);
    if (PURE_FOLDERS.has(folderOf(path))) {
      for (const [name] of codeOnly(text).matchAll(IMPURE)) found.push(`${path}: uses ${name}; time and chance come in through ports`);
    }
    if (PORTABLE_FOLDERS.has(folderOf(path)) && !NODE_ONLY_FILES.has(path)) {
      for (const [name] of codeOnly(text).matchAll(NODE_ONLY)) found.push(`${path}: uses ${name}, which no browser has`);
    }
  }
  return [...found, ...cycles(edges), ...browserViolations(textByPath)];
}

/** All that the browser's entry reaches when it runs: no builtin of Node, and no package but those that run there. */
function browserViolations(textByPath: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const ways = new Map<string, string>([[BROWSER_ENTRY, BROWSER_ENTRY]]);
  for (const [path, way] of ways) {
    for (const { specifier, isErased } of importsOf(textByPath.get(path) ?? '')) {
      if (isErased) continue;
      if (!specifier.startsWith('.')) {
        if (!BROWSER_PACKAGES.has(specifier)) found.push(`a browser would load ${specifier}: ${way}`);
        continue;
      }
      const target = resolve(path, specifier);
      if (!ways.has(target)) ways.set(target, `${way} → ${target}`);
    }
  }
  return found;
}

function externalViolations(path: string, specifier: string, isErased: boolean): string[] {
  const folder = FOLDERS[folderOf(path)];
  if (folder === undefined) return [`${path}: lies in no folder of the table`];
  const only = ONLY_FILES_BY_PACKAGE[folderOf(path)]?.[specifier];
  if (only !== undefined && only !== path) return [`${path}: imports ${specifier}, which only ${only} may`];
  if (ONLY_FILES.some((rule) => rule.builtin === specifier && rule.path.test(path))) return [];
  const isAllowed = specifier.startsWith('node:')
    ? folder.builtins === 'any' || (folder.builtins === 'types' ? isErased : folder.builtins.includes(specifier))
    : folder.packages.includes(specifier);
  return isAllowed ? [] : [`${path}: imports ${specifier}`];
}

function internalViolations(path: string, target: string, textByPath: ReadonlyMap<string, string>): string[] {
  const [from, to] = [folderOf(path), folderOf(target)];
  if (target === PACKAGE_JSON && (from === 'cli' || from === 'node')) return [];
  if (!textByPath.has(target)) return [`${path}: imports ${target}, which is not there`];
  if (from === to) return [];
  if (!FOLDERS[from]?.ours.includes(to)) return [`${path}: imports ${target}; ${from}/ may not import ${to}/`];
  if (to === 'data' && PORTABLE_FOLDERS.has(from) && target !== PORTABLE) return [`${path}: imports ${target}; ${from}/ runs in a browser and imports ${PORTABLE}`];
  return ENTRANCES.has(target) ? [] : [`${path}: imports ${target}, past ${to}/index.ts`];
}

function cycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) found.push(`cycle: ${[...way.slice(at), path].join(' → ')}`);
    if (at >= 0 || finished.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...way, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

const STATEMENT = /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\s*from\s*)?(['"])([^'"\n]+)\2/g;
const CALL = /\bimport\s*\(\s*(?:(['"])([^'"\n]+)\1\s*[,)])?/g;

interface Import {
  readonly specifier: string;
  /** `import type`: gone when the product runs. */
  readonly isErased: boolean;
}

/** All imports and re-exports of types and values; an `import(…)` that is not literal has the specifier `computed`. */
export function importsOf(text: string): Import[] {
  const code = mapTokens(text, (token) => (token.startsWith('/') ? ' ' : token));
  const statements = [...code.matchAll(STATEMENT)].map((match) => ({ specifier: match[3] ?? '', isErased: match[1] !== undefined }));
  const calls = [...code.matchAll(CALL)].map((match) => ({ specifier: match[2] ?? 'computed', isErased: false }));
  return [...statements, ...calls];
}

/** The text without comments and strings; of a template what stands in `${…}`. */
function codeOnly(text: string): string {
  return mapTokens(text, (token) => (token.startsWith('`') ? [...token.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]).join(';') : ' '));
}

function mapTokens(text: string, replace: (token: string) => string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g, replace);
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}
