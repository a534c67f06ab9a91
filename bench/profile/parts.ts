/**
 * Where the time of a daemon goes: its profile by parts of the code. Pure.
 *
 * A sample belongs to the outermost function of its stack that begins a part: what a part calls is counted for it. What
 * runs after an `await` has a stack that begins there, so it is a part's only when the function that awaited begins one.
 *
 * Time is time that passed: a thread that waits for a processor is where it was. Only the main thread is looked at, so
 * that LevelDB's and libuv's threads, fsync among them, are in no part.
 */
import { FRAME, fileOf, labelOf, type CallFrame, type ProfileTree } from './cpu-profile.ts';
import type { FunctionShare, PartShare } from './result.ts';

interface PartStart {
  readonly part: string;
  readonly functionName: string;
  /** Without its ending: the program runs compiled, or not. */
  readonly file: string;
}

const PARTS: readonly PartStart[] = [
  { part: 'client requests received', functionName: '#receive', file: 'node/client-session' },
  { part: "peers' requests received", functionName: '#receive', file: 'node/peer-session' },
  { part: 'replies received', functionName: '#receive', file: 'node/peer-link' },
  { part: "the writer's group", functionName: '#commitGroup', file: 'data/store' },
  { part: 'own reads and writes', functionName: '#serveOwn', file: 'node/engine' },
  { part: 'reads that waited for a turn', functionName: '#run', file: 'node/read-queue' },
  { part: 'sending answers to clients', functionName: '#flush', file: 'node/client-session' },
  { part: 'sending requests to peers', functionName: '#flush', file: 'node/peer-link' },
  { part: 'sending replies to peers', functionName: '#flush', file: 'node/peer-session' },
  { part: 'tick', functionName: '#tick', file: 'node/engine' },
];
const IDLE = 'idle';
const PROGRAM = "program (V8's and Node's native code)";
const GARBAGE_COLLECTION = 'garbage collection';
const REST = 'the rest';
const PART_BY_FRAME: ReadonlyMap<string, string> = new Map([
  [FRAME.idle, IDLE],
  [FRAME.program, PROGRAM],
  [FRAME.garbageCollector, GARBAGE_COLLECTION],
]);
const PART_NAMES: readonly string[] = [IDLE, PROGRAM, GARBAGE_COLLECTION, ...PARTS.map(({ part }) => part), REST];
const FUNCTIONS_MAX = 10;

/** All parts in a fixed order, those without a sample too; their shares add up to 1. Throws when the profile has no time in it. */
export function partShares(tree: ProfileTree): readonly PartShare[] {
  const micros = new Map<string, Map<string, number>>(PART_NAMES.map((name) => [name, new Map()]));
  const visit = ({ frame, selfMicros, children }: ProfileTree, above: string | null): void => {
    const part = above ?? partBegunBy(frame);
    const functions = micros.get(PART_BY_FRAME.get(frame.functionName) ?? part ?? REST);
    if (selfMicros > 0) functions?.set(labelOf(frame), (functions.get(labelOf(frame)) ?? 0) + selfMicros);
    for (const child of children) visit(child, part);
  };
  visit(tree, null);
  if (tree.totalMicros === 0) throw new Error('the profile has no sample');
  const busyMicros = tree.totalMicros - sumOf(micros.get(IDLE));
  return [...micros].map(([part, functions]) => ({
    part,
    share: sumOf(functions) / tree.totalMicros,
    busyShare: part === IDLE || busyMicros === 0 ? null : sumOf(functions) / busyMicros,
    functions: heaviest(functions, tree.totalMicros),
  }));
}

function partBegunBy({ functionName, url }: CallFrame): string | null {
  const file = fileOf(url).replace(/\.[jt]s$/, '');
  return PARTS.find((start) => start.functionName === functionName && start.file === file)?.part ?? null;
}

function heaviest(functions: ReadonlyMap<string, number>, totalMicros: number): readonly FunctionShare[] {
  return [...functions]
    .toSorted(([a, microsOfA], [b, microsOfB]) => microsOfB - microsOfA || (a < b ? -1 : 1))
    .slice(0, FUNCTIONS_MAX)
    .map(([name, micros]) => ({ name, share: micros / totalMicros }));
}

function sumOf(functions: ReadonlyMap<string, number> | undefined): number {
  return [...(functions?.values() ?? [])].reduce((sum, micros) => sum + micros, 0);
}
