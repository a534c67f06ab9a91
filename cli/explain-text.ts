/** The answer to `explain` as lines for people, at most 100 columns where no single word is longer. Pure. */
import type { ExplainAnswer, ExplainedCopy, ExplainedHint, ExplainedNode } from '../wire/index.ts';
import { alignColumns } from './columns.ts';

const WIDTH = 100;
const NODE_HEADER = ['node', 'role', 'state', 'version', 'age', 'bytes'];
const HINT_HEADER = ['hint for', 'kept by', 'state', 'version', 'age', 'bytes'];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function explanationLines(answer: ExplainAnswer): readonly string[] {
  const { key, hash, partition, homeNode, epoch, replicas, fallbacks, nodes, hints, winner, rule, doubts, next } = answer;
  const shown = nodes.filter((node) => node.role !== 'fallback' || !node.reachable || node.store !== 'open' || node.dirtyFor.length > 0);
  return [
    ...wrap(`key ${JSON.stringify(key)}: hash ${hash}, partition ${partition}, home node ${homeNode}, epoch ${epoch}`, ''),
    ...wrap(`preference list: replicas ${replicas.join(', ')}; ${fallbacks.length === 0 ? 'no fallback nodes' : `fallback nodes ${fallbacks.join(', ')}`}`, '  '),
    '',
    ...alignColumns([NODE_HEADER, ...shown.map(nodeRow)]),
    ...(hints.length === 0 ? [] : ['', ...alignColumns([HINT_HEADER, ...hints.map(hintRow)])]),
    '',
    ...wrap(winner === null ? 'value: none' : winner.deleted ? `value: none, deleted by ${winner.version}` : `value: ${winner.valueBytes} ${winner.valueBytes === 1 ? 'byte' : 'bytes'}, version ${winner.version}`, '  '),
    ...wrap(`rule: ${rule.text} (${rule.code})`, '  '),
    ...section('what may be newer:', doubts),
    ...section('what happens next:', next),
    '',
    ...wrap(`asked node ${answer.askedNode}; ages are by its clock`, '  '),
  ];
}

function nodeRow({ node, role, reachable, liveness, store, copy, untrusted }: ExplainedNode): readonly string[] {
  if (!reachable) return [String(node), role, liveness === 'alive' ? 'no answer' : `no answer: ${liveness}`];
  const marks = untrusted === null ? '' : ', untrusted';
  if (copy === null) return [String(node), role, store === 'open' ? 'no replica' : `store ${store ?? 'closed'}`];
  return [String(node), role, `${stateOf(copy)}${marks}`, ...versionCells(copy)];
}

function stateOf({ state, doubtful }: ExplainedCopy): string {
  return doubtful ? `${state}, doubtful` : state;
}

function hintRow(hint: ExplainedHint): readonly string[] {
  return [String(hint.target), String(hint.holder), hint.reference ? `${hint.state}, by reference` : hint.state, ...versionCells(hint)];
}

function versionCells({ version, ageMs, valueBytes }: Pick<ExplainedCopy, 'version' | 'ageMs' | 'valueBytes'>): readonly string[] {
  return [version ?? '', ageMs === null ? '' : ageText(ageMs), valueBytes === null ? '' : String(valueBytes)];
}

function section(title: string, items: readonly { readonly code: string; readonly text: string }[]): readonly string[] {
  return items.length === 0 ? [] : [title, ...items.flatMap(({ code, text }) => wrap(`  ${text} (${code})`, '    '))];
}

/** In the largest unit of which there are two; with a minus when it is ahead of the clock. */
export function ageText(ageMs: number): string {
  const sign = ageMs < 0 ? '-' : '';
  const ms = Math.abs(ageMs);
  if (ms < 1_000) return `${sign}${Math.round(ms)} ms`;
  if (ms < 2 * MINUTE_MS) return `${sign}${(ms / 1_000).toFixed(1)} s`;
  if (ms < 2 * HOUR_MS) return `${sign}${Math.floor(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${sign}${Math.floor(ms / HOUR_MS)} h` : `${sign}${Math.floor(ms / DAY_MS)} d`;
}

/** Breaks at spaces; lines after the first begin with `indent`. */
function wrap(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > WIDTH) {
    const at = rest.lastIndexOf(' ', WIDTH);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at));
    rest = `${indent}${rest.slice(at + 1)}`;
  }
  return [...lines, rest];
}
