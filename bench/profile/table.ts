/** Profiles as lines for people. Pure. */
import { alignColumns } from '../../cli/columns.ts';
import { FRAME } from './cpu-profile.ts';
import type { DaemonProfile, PartShare, ProfileResult } from './result.ts';

/** Functions below it are in the JSON only. */
const SHARE_LEAST = 0.001;
const UNKNOWN = '–';
const EMPTY = '';
/** A part each, of which there is nothing more to say. */
const PARTS_THEMSELVES: readonly string[] = Object.values(FRAME);

export function profileTable({ daemons, seconds, samplingIntervalMicros }: ProfileResult): readonly string[] {
  const samplesDue = Math.round((seconds * 1_000_000) / samplingIntervalMicros);
  const head = [EMPTY, ...daemons.map(({ node }) => `node ${node}`)];
  const samples = ['samples', ...daemons.map((daemon) => String(daemon.samples))];
  return [
    `the main thread's time, by samples each ${samplingIntervalMicros} µs (far fewer than ${samplesDue}: the processors were busy); of what is not idle in parentheses`,
    ...alignColumns([head, ...partRows(daemons), ...delayRows(daemons), samples]),
    ...daemons.flatMap((daemon) => [EMPTY, `node ${daemon.node}: the heaviest functions of each part, by their own time`, ...alignColumns(functionRows(daemon))]),
  ];
}

function partRows(daemons: readonly DaemonProfile[]): readonly (readonly string[])[] {
  const names = daemons[0]?.parts.map(({ part }) => part) ?? [];
  return names.map((name, index) => [name, ...daemons.map(({ parts }) => sharesOf(parts[index]))]);
}

function sharesOf(part: PartShare | undefined): string {
  if (part === undefined) return UNKNOWN;
  return part.busyShare === null ? percent(part.share) : `${percent(part.share)} (${percent(part.busyShare).trimStart()})`;
}

function delayRows(daemons: readonly DaemonProfile[]): readonly (readonly string[])[] {
  return (['p50Ms', 'p99Ms', 'maxMs'] as const).map((which) => [
    `event-loop delay, ${which.slice(0, -2)}`,
    ...daemons.map(({ eventLoopDelay }) => {
      const milliseconds = eventLoopDelay[which];
      return milliseconds === null ? UNKNOWN : `${milliseconds.toFixed(1).padStart(5)} ms`;
    }),
  ]);
}

function functionRows({ parts }: DaemonProfile): readonly (readonly string[])[] {
  return parts.flatMap(({ part, share, functions }) => {
    const shown = functions.filter((one) => one.share >= SHARE_LEAST && !PARTS_THEMSELVES.includes(one.name));
    return shown.length === 0 ? [] : [[part, percent(share)], ...shown.map((one) => [`  ${one.name}`, percent(one.share)])];
  });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).padStart(5)} %`;
}
