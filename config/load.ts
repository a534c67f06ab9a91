/**
 * Where a configuration comes from: a JSON file, then RING_LEVEL_* variables, then flags; the later one wins.
 *
 * Everything that is wrong is found in one go: what each source gives is laid into one raw object, with a note of where
 * each value came from, and the schema's complaints are then told with that note.
 */
import { readFileSync } from 'node:fs';

import { crossCheck, type BrokenRule } from './cross-checks.ts';
import { ConfigError, showFound, type ConfigProblem } from './errors.ts';
import {
  ENVIRONMENT_PREFIX,
  FLAG_ONLY_KEY,
  LISTEN_KEY,
  TEXT_FORMS,
  environmentName,
  listenFromText,
  valueFromText,
} from './keys.ts';
import { nearestName } from './nearest.ts';
import { nodeConfigSchema, type NodeConfig, type NodeConfigInput } from './schema.ts';

/** One flag of the command line: `{ flag: '--id', key: 'nodeId', text: '0' }`. */
export interface FlagValue {
  /** As the user wrote it, for messages. */
  readonly flag: string;
  /** Dotted configuration key, or `listen` with `HOST:PORT`. */
  readonly key: string;
  readonly text: string;
}

export interface ConfigSources {
  /** Path of a JSON file. */
  readonly file?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** In the order of the command line; the last one wins. */
  readonly flags: readonly FlagValue[];
}

/** Throws a `ConfigError` that lists every problem. */
export function loadNodeConfig({ file, environment, flags }: ConfigSources): NodeConfig {
  const draft = new Draft();
  if (file !== undefined) draft.addFile(file);
  draft.addEnvironment(environment);
  for (const flag of flags) draft.addFlag(flag);
  if (draft.raw['directory'] === undefined && draft.sourceOf('directory') === null) {
    draft.problem('directory', 'nowhere', undefined, 'the path of a directory (flag --dir)');
  }
  return draft.finish();
}

/**
 * A whole configuration from a few keys, for embedding: memory instead of a directory, one member on 127.0.0.1:7400
 * that is this node, and up to three replicas, unless `input` says otherwise. Throws a `ConfigError` as the loader does.
 */
export function defaultNodeConfig(input: NodeConfigInput = {}): NodeConfig {
  const draft = new Draft();
  const members = input.members ?? [{ id: 0, address: 'ws://127.0.0.1:7400' }];
  draft.addObject({ nodeId: 0, directory: null, replicationFactor: Math.min(3, members.length), ...input, members }, 'program');
  return draft.finish();
}

/** A configuration in the making. */
class Draft {
  readonly raw: Record<string, unknown> = {};
  private readonly sourcesByKey = new Map<string, string>();
  private readonly problems: ConfigProblem[] = [];

  problem(key: string, source: string, found: unknown, allowed: string): void {
    this.problems.push({ key, source, found: showFound(found), allowed });
  }

  addFile(path: string): void {
    const source = `file ${path}`;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new ConfigError([{ key: 'file', source, found: reasonOf(error), allowed: 'a JSON file that can be read' }], { cause: error });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new ConfigError([{ key: 'file', source, found: reasonOf(error), allowed: 'one JSON object' }], { cause: error });
    }
    if (!isPlainObject(value)) {
      throw new ConfigError([{ key: 'file', source, found: showFound(value), allowed: 'one JSON object' }]);
    }
    const { [FLAG_ONLY_KEY]: testControl, ...rest } = value;
    if (testControl !== undefined) this.refuseTestControl(source, testControl);
    if (rest['directory'] === null) {
      this.problem('directory', source, null, 'the path of a directory');
      delete rest['directory'];
      this.sourcesByKey.set('directory', source);
    }
    this.addObject(rest, source);
  }

  addObject(value: Readonly<Record<string, unknown>>, source: string): void {
    for (const [key, part] of Object.entries(value)) {
      this.raw[key] = isPlainObject(part) ? { ...part } : part;
      this.sourcesByKey.set(key, source);
    }
  }

  addEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
    const keysByName = new Map([...TEXT_FORMS.keys(), LISTEN_KEY].map((key) => [environmentName(key), key]));
    // `listen` before its parts: the more particular variable wins, whatever their order in the environment.
    const names = Object.keys(environment).filter((name) => name.startsWith(ENVIRONMENT_PREFIX)).toSorted();
    for (const name of names) {
      const text = environment[name];
      if (text === undefined) continue;
      const key = keysByName.get(name);
      if (key === FLAG_ONLY_KEY) this.refuseTestControl(`environment ${name}`, text);
      else if (key !== undefined) this.addText(key, text, `environment ${name}`);
      else this.problem(name, 'environment', text, `a known variable${didYouMean(name, keysByName.keys())}`);
    }
  }

  addFlag({ flag, key, text }: FlagValue): void {
    const source = `flag ${flag}`;
    if (key === LISTEN_KEY || TEXT_FORMS.has(key)) this.addText(key, text, source);
    else this.problem(key, source, text, `a known key${didYouMean(key, TEXT_FORMS.keys())}`);
  }

  /** Where the value of a key came from, or that of the nearest object that holds it; null when nobody gave it. */
  sourceOf(key: string): string | null {
    for (let path = key; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
      const source = this.sourcesByKey.get(path);
      if (source !== undefined) return source;
    }
    return null;
  }

  /** Checks everything; throws all problems at once. */
  finish(): NodeConfig {
    const parsed = nodeConfigSchema.safeParse(this.raw);
    const badKeys = new Set(this.problems.map(({ key }) => key));
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        const key = issue.path.map(String).join('.');
        if (issue.code === 'unrecognized_keys') this.addUnknownKeys(key, issue.keys);
        else if (!badKeys.has(key)) this.problem(key, this.sourceOf(key) ?? 'nowhere', valueAt(this.raw, key), issue.message);
        badKeys.add(key);
      }
    }
    for (const rule of this.brokenRules(badKeys)) {
      this.problem(rule.key, this.sourceOf(rule.key) ?? 'default', rule.found, rule.allowed);
    }
    if (!parsed.success || this.problems.length > 0) throw new ConfigError(this.problems);
    return parsed.data;
  }

  /** The rules over several keys are checked even when other keys are bad: those get their defaults for the purpose. */
  private brokenRules(badKeys: ReadonlySet<string>): readonly BrokenRule[] {
    const known = Object.fromEntries(Object.entries(this.raw).filter(([key]) => Object.hasOwn(nodeConfigSchema.unwrap().shape, key)));
    const sound = structuredClone(known);
    for (const key of badKeys) removeAt(sound, key);
    const parsed = nodeConfigSchema.safeParse({ directory: null, ...sound });
    if (!parsed.success) return [];
    const isBad = (key: string): boolean => [...badKeys].some((bad) => bad === key || bad.startsWith(`${key}.`) || key.startsWith(`${bad}.`));
    return crossCheck(parsed.data).filter(({ about }) => !about.some(isBad));
  }

  private addText(key: string, text: string, source: string): void {
    const form = TEXT_FORMS.get(key);
    if (form !== undefined) {
      this.set(key, valueFromText(form, text), source);
      return;
    }
    const listen = listenFromText(text);
    if (listen === null) {
      this.problem(key, source, text, 'HOST:PORT, such as 127.0.0.1:7400');
      return;
    }
    this.set('listen.host', listen.host, source);
    this.set('listen.port', listen.port, source);
  }

  private set(key: string, value: unknown, source: string): void {
    const [outer = key, inner] = key.split('.');
    if (inner === undefined) {
      this.raw[outer] = value;
    } else {
      const holder = this.raw[outer] ?? {};
      // A section that is no object stays as it is, for the schema to name.
      if (!isPlainObject(holder)) return;
      this.raw[outer] = { ...holder, [inner]: value };
    }
    this.sourcesByKey.set(key, source);
  }

  private addUnknownKeys(holder: string, unknown: readonly string[]): void {
    const prefix = holder === '' ? '' : `${holder}.`;
    const siblings = siblingNames(holder);
    for (const name of unknown) {
      const key = prefix + name;
      this.problem(key, this.sourceOf(key) ?? 'nowhere', valueAt(this.raw, key), `a known key${didYouMean(name, siblings)}`);
    }
  }

  private refuseTestControl(source: string, found: unknown): void {
    this.problem(FLAG_ONLY_KEY, source, found, 'only the flag --test-control: no file or variable turns test controls on');
  }
}

/** The names that may stand in the object at `holder`. */
function siblingNames(holder: string): readonly string[] {
  if (/^members(?:\.|$)/.test(holder)) return ['id', 'address', 'zone'];
  const prefix = holder === '' ? '' : `${holder}.`;
  const names = [...TEXT_FORMS.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length).split('.')[0] ?? key);
  return [...new Set(names)];
}

function didYouMean(typed: string, known: Iterable<string>): string {
  const near = nearestName(typed, known);
  return near === null ? '' : `; did you mean ${near}?`;
}

function valueAt(value: unknown, key: string): unknown {
  let at: unknown = value;
  for (const part of key.split('.')) at = typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined;
  return at;
}

function removeAt(value: Record<string, unknown>, key: string): void {
  const parts = key.split('.');
  const last = parts.pop();
  const holder = parts.length === 0 ? value : valueAt(value, parts.join('.'));
  if (typeof holder === 'object' && holder !== null && last !== undefined) Reflect.deleteProperty(holder, last);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
