/**
 * What a program can name of the package, as its declarations (dist/*.d.ts) say: every exported name of an entry, with
 * its members or its values. A small reader of what the compiler writes, which is regular; not one of TypeScript.
 *
 * What is private, protected or of a symbol of this package's own is no part of it. What a class or an interface inherits
 * counts as its own when its base is not exported; members of abstract-level's classes are abstract-level's.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Member {
  /** `put`, `code`, `[Symbol.asyncDispose]`, or `'a value'`. */
  readonly name: string;
  /** Of a property as it is declared, of a method what it returns; null for a constructor and for a value. */
  readonly type: string | null;
  /** Parameter names of the longest overload, the last of several; null for what is no method. */
  readonly parameters: readonly string[] | null;
  /** The doc comment, on one line; empty without one. */
  readonly doc: string;
}

export interface Exported {
  readonly name: string;
  readonly kind: 'class' | 'interface' | 'type' | 'function';
  /** As declared: the type after `=`, or the signature of a function. */
  readonly text: string;
  readonly members: readonly Member[];
  readonly doc: string;
}

interface Declaration {
  readonly kind: Exported['kind'];
  readonly bases: readonly string[];
  readonly text: string;
  readonly body: string | null;
  readonly doc: string;
}

/** The exports of one entry, by name. */
export function exportsOf(entry: string): ReadonlyMap<string, Exported> {
  const names = exportedNames(entry);
  return new Map([...names].map(([name, file]) => [name, describe(name, file, names)]));
}

/** Name → the declaration file that has it. */
function exportedNames(file: string): Map<string, string> {
  const names = new Map<string, string>();
  const text = withoutComments(read(file));
  for (const [, list, from = ''] of text.matchAll(/^export\s+(?:type\s+)?(\*|\{[^}]*\})\s+from\s+'([^']+)'/gm)) {
    const there = exportedNames(resolve(file, from));
    if (list === '*') for (const [name, where] of there) names.set(name, where);
    else for (const name of namesIn(list ?? '')) names.set(name, found(there.get(name), `${name} of ${file}`));
  }
  for (const [, name = ''] of text.matchAll(/^export\s+(?:declare\s+)?(?:abstract\s+)?(?:class|interface|type|function|const)\s+(\w+)/gm)) names.set(name, file);
  return names;
}

function describe(name: string, file: string, names: ReadonlyMap<string, string>): Exported {
  const declarations = declarationsOf(name, file);
  const [first] = declarations;
  if (first === undefined) throw new Error(`${file} does not declare ${name}`);
  const kind = declarations.some((declaration) => declaration.kind === 'class') ? 'class' : first.kind;
  const doc = (declarations.find((declaration) => declaration.kind === kind && declaration.doc !== '') ?? first).doc;
  return { name, kind, text: first.text, members: membersOf(name, file, names), doc };
}

function membersOf(name: string, file: string, names: ReadonlyMap<string, string>): Member[] {
  const members = new Map<string, Member>();
  const add = (member: Member): void => {
    const before = members.get(member.name);
    const longer = before === undefined || (member.parameters?.length ?? 0) >= (before.parameters?.length ?? 0) ? member : before;
    members.set(member.name, { ...longer, doc: before?.doc || member.doc });
  };
  for (const { bases, body, kind, text } of declarationsOf(name, file)) {
    for (const base of bases) {
      const where = base === name || names.has(base) ? null : fileOf(base, file);
      if (where !== null) for (const member of membersOf(base, where, names)) add(member);
    }
    for (const member of body === null ? [] : membersIn(body)) add(member);
    if (kind === 'type') for (const value of valuesOf(text, file)) add(value);
  }
  return [...members.values()];
}

function declarationsOf(name: string, file: string): Declaration[] {
  const text = read(file);
  const pattern = new RegExp(`(/\\*\\*(?:(?!\\*/)[^])*\\*/\\s*)?^(export )?(?:declare )?(?:abstract )?(class|interface|type|function) ${name}\\b`, 'gm');
  return [...text.matchAll(pattern)].map((match): Declaration => {
    const [all, doc = '', , kind = ''] = match;
    const rest = text.slice(match.index + all.length);
    const isBlock = kind === 'class' || kind === 'interface';
    const head = isBlock ? rest.slice(0, rest.indexOf('{')) : upTo(rest, ';');
    const body = isBlock ? upTo(rest.slice(rest.indexOf('{') + 1), '}') : null;
    const bases = isBlock ? [...head.matchAll(/(?:extends|,)\s+(\w+)/g)].map(([, base = '']) => base) : [];
    return { kind: kind as Exported['kind'], bases, text: withoutComments(head).replace(/\s+/g, ' ').trim(), body, doc: docText(doc) };
  });
}

function membersIn(body: string): Member[] {
  return statements(body).flatMap((statement): Member[] => {
    const doc = docText(/^\s*(\/\*\*[^]*?\*\/)/.exec(statement)?.[1] ?? '');
    const text = withoutComments(statement).replace(/\s+/g, ' ').trim();
    const getter = /^get (\w+)\(\): (.*)$/.exec(text);
    if (getter !== null) return [{ name: getter[1] ?? '', parameters: null, type: getter[2] ?? '', doc }];
    const match = /^(?:(?:readonly|static) )*(\[Symbol\.\w+\]|[A-Za-z]\w*)(\?)?(.*)$/.exec(text);
    if (match === null || /^(?:protected|private|#|constructor\(\))/.test(text)) return [];
    const [, name = '', , rest = ''] = match;
    if (!/^[<(]/.test(rest)) return [{ name, parameters: null, type: rest.replace(/^:\s*/, '').replace(/ \| undefined$/, '').trim(), doc }];
    const open = rest.startsWith('<') ? upTo(rest.slice(1), '>').length + 2 : 0;
    const list = upTo(rest.slice(open + 1), ')');
    const returned = rest.slice(open + list.length + 2).replace(/^:\s*/, '');
    return [{ name, parameters: pieces(list, ',').flatMap((piece) => /^\s*(?:\.\.\.)?(\w+\??)\s*:/.exec(piece)?.[1] ?? []), type: returned === '' ? null : returned, doc }];
  });
}

/** Of a union of texts, written out or by a table of them. */
function valuesOf(text: string, file: string): Member[] {
  const type = text.replace(/^[^=]*=\s*/, '');
  const table = /typeof (\w+)\)?\[/.exec(type)?.[1];
  const source = table === undefined ? type : (new RegExp(`declare const ${table}: (?:readonly \\[|\\{)([^]*?)(?:\\]|\\});`).exec(withoutComments(read(file)))?.[1] ?? '');
  if (table === undefined && !/^(?:\| )?'[^']*'(?: \| '[^']*')*$/.test(type)) return [];
  return [...source.matchAll(/["']([\w-]+)["']/g)].map(([, value = '']) => ({ name: `'${value}'`, parameters: null, type: null, doc: '' }));
}

function statements(body: string): string[] {
  return pieces(body, ';');
}

/** Split where the separator stands outside all brackets and comments. */
function pieces(text: string, separator: string): string[] {
  const found: string[] = [];
  let rest = text;
  while (rest.trim() !== '') {
    const piece = upTo(rest, separator);
    found.push(piece);
    rest = rest.slice(piece.length + 1);
  }
  return found;
}

/** What stands before `end` outside all brackets, comments and texts. */
function upTo(text: string, end: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const skipped = /^(?:\/\*[^]*?\*\/|\/\/[^\n]*|'[^']*'|"[^"]*"|=>)/.exec(text.slice(index, index + 4_000));
    if (skipped) {
      index += skipped[0].length - 1;
      continue;
    }
    const character = text[index] ?? '';
    if (character === end && depth === 0) return text.slice(0, index);
    if ('([{<'.includes(character)) depth += 1;
    else if (')]}>'.includes(character)) depth -= 1;
  }
  return text;
}

/** The file that declares a name which `file` uses; null when it is of another package. */
function fileOf(name: string, file: string): string | null {
  if (declarationsOf(name, file).length > 0) return file;
  for (const [, list = '', from = ''] of read(file).matchAll(/^import (?:type )?(\{[^}]*\}) from '(\.[^']+)'/gm)) {
    if (namesIn(list).includes(name)) return exportedNames(resolve(file, from)).get(name) ?? null;
  }
  return null;
}

function namesIn(list: string): string[] {
  return list.replace(/[{}]/g, '').split(',').map((name) => name.replace(/^\s*type\s+/, '').trim()).filter((name) => name !== '');
}

function docText(comment: string): string {
  return comment.replace(/^\/\*\*|\*\/\s*$/g, '').split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim()).join(' ').trim();
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '');
}

function resolve(file: string, specifier: string): string {
  return join(dirname(file), specifier.replace(/\.(?:ts|js)$/, '.d.ts'));
}

function read(file: string): string {
  if (!existsSync(file)) throw new Error(`there is no ${file}: npm run build`);
  return readFileSync(file, 'utf8');
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`not found: ${what}`);
  return value;
}
