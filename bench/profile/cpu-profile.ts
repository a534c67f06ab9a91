/**
 * A CPU profile as V8 gives it, and as the tree that tables and drawings are made of. Pure.
 *
 * V8 looks at the stack at an interval. A sample stands for the time since the one before it.
 */

export interface CallFrame {
  readonly functionName: string;
  /** Empty: native code, or one of V8's own: `(idle)`, `(program)`, `(garbage collector)`. */
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  /** Samples that ended in it. */
  readonly hitCount?: number;
  readonly children?: readonly number[];
}

/** What a `.cpuprofile` file has in it. Times are microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** The id of the innermost node of each. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileTree {
  readonly frame: CallFrame;
  readonly selfMicros: number;
  /** Its own time, and that of all below. */
  readonly totalMicros: number;
  /** Each function once, in order of their labels. */
  readonly children: readonly ProfileTree[];
}

export const FRAME = { idle: '(idle)', program: '(program)', garbageCollector: '(garbage collector)' } as const;

/** Throws when it is none. */
export function asCpuProfile(value: unknown): CpuProfile {
  const isProfile =
    typeof value === 'object' && value !== null && 'nodes' in value && Array.isArray(value.nodes) && value.nodes.length > 0 && 'samples' in value && Array.isArray(value.samples) && 'timeDeltas' in value && Array.isArray(value.timeDeltas);
  if (!isProfile) throw new Error('what came instead of a CPU profile is none');
  return value as unknown as CpuProfile;
}

/** The samples of a time, as a profile. */
export function cutProfile({ nodes, startTime, samples, timeDeltas }: CpuProfile, fromMicros: number, toMicros: number): CpuProfile {
  const kept: { readonly id: number; readonly delta: number }[] = [];
  const hits = new Map<number, number>();
  let time = startTime;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    time += delta;
    if (time < fromMicros || time > toMicros) continue;
    kept.push({ id, delta: Math.min(delta, time - fromMicros) });
    hits.set(id, (hits.get(id) ?? 0) + 1);
  }
  return {
    nodes: nodes.map((node) => ({ ...node, hitCount: hits.get(node.id) ?? 0 })),
    startTime: fromMicros,
    endTime: toMicros,
    samples: kept.map(({ id }) => id),
    timeDeltas: kept.map(({ delta }) => delta),
  };
}

/** Throws when the profile has no root. */
export function treeOf({ nodes, samples, timeDeltas }: CpuProfile): ProfileTree {
  const nodesById = new Map(nodes.map((node) => [node.id, node]));
  const selfById = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    // V8 takes some samples out of order; their deltas are below 0.
    selfById.set(id, (selfById.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  }
  /** One function with one way to it, though V8 may have several nodes of it. */
  const merge = (frame: CallFrame, same: readonly ProfileNode[]): ProfileTree => {
    const below = new Map<string, ProfileNode[]>();
    for (const node of same.flatMap(({ children = [] }) => children.flatMap((id) => nodesById.get(id) ?? []))) {
      const label = labelOf(node.callFrame);
      below.set(label, [...(below.get(label) ?? []), node]);
    }
    const groups = [...below].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const children = groups.flatMap(([, group]) => (group[0] === undefined ? [] : [merge(group[0].callFrame, group)]));
    const selfMicros = same.reduce((sum, { id }) => sum + (selfById.get(id) ?? 0), 0);
    return { frame, selfMicros, totalMicros: children.reduce((sum, child) => sum + child.totalMicros, selfMicros), children };
  };
  const childIds = new Set(nodes.flatMap(({ children = [] }) => children));
  const root = nodes.find(({ id }) => !childIds.has(id));
  if (root === undefined) throw new Error('the profile has no root');
  return merge(root.callFrame, [root]);
}

/** `#flush node/peer-link.js:203`. What is not JavaScript has no file; what an addon adds often has no name either. */
export function labelOf({ functionName, url, lineNumber }: CallFrame): string {
  const file = fileOf(url);
  if (file === '') return functionName === '' ? '(native, without a name)' : functionName;
  return `${functionName === '' ? '(anonymous)' : functionName} ${file}:${lineNumber + 1}`;
}

/** `node/engine.js` of ours, `ws/lib/sender.js` of a package, `node:internal/timers` of Node. */
export function fileOf(url: string): string {
  const path = /^[^?#]*/.exec(url)?.[0] ?? '';
  if (path.startsWith('node:')) return path;
  const [, ...inPackages] = path.split('/node_modules/');
  return inPackages.at(-1) ?? path.split('/').slice(-2).join('/');
}
