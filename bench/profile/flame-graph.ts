/**
 * A profile as a flame graph (Gregg, "The Flame Graph"): a box for each function on each way to it, as wide as its share
 * of the time, on top of its caller. Pure; the same profile gives the same drawing.
 *
 * Idle time is left out. A box's title, which a browser shows under the pointer, has the whole name and the shares.
 */
import { FRAME, fileOf, labelOf, type ProfileTree } from './cpu-profile.ts';

interface Box {
  readonly label: string;
  readonly folder: string;
  readonly depth: number;
  readonly x: number;
  readonly width: number;
  readonly share: number;
  readonly selfShare: number;
}

const WIDTH = 1200;
const ROW_HEIGHT = 17;
const MARGIN = 10;
const CAPTION_HEIGHT = 46;
/** What is narrower can't be seen, nor can what stands on it. */
const BOX_WIDTH_LEAST = 0.3;
const CHARACTER_WIDTH = 6.7;
const TEXT_WIDTH_LEAST = 3 * CHARACTER_WIDTH;
const ALL = 'all but idle';
const STYLE = 'text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#3b2f2a}.title{font-size:14px;font-weight:bold}rect{stroke:#fff;stroke-width:.5}';

/** `caption`: a title, and a line below it. Throws when there is nothing but idle time. */
export function flameGraph(tree: ProfileTree, caption: readonly [title: string, subtitle: string]): string {
  const boxes = boxesOf(tree);
  const height = CAPTION_HEIGHT + (Math.max(...boxes.map(({ depth }) => depth)) + 1) * ROW_HEIGHT + MARGIN;
  const [title, subtitle] = caption.map(escape);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH + 2 * MARGIN}" height="${height}" viewBox="0 0 ${WIDTH + 2 * MARGIN} ${height}">`,
    `<style>${STYLE}</style>`,
    '<rect width="100%" height="100%" fill="#fffdf9"/>',
    `<text class="title" x="${MARGIN}" y="20">${title}</text>`,
    `<text x="${MARGIN}" y="37">${subtitle}</text>`,
    ...boxes.map((box) => drawn(box, height - MARGIN - (box.depth + 1) * ROW_HEIGHT)),
    '</svg>',
    '',
  ].join('\n');
}

function boxesOf(tree: ProfileTree): readonly Box[] {
  const children = tree.children.filter(({ frame }) => frame.functionName !== FRAME.idle);
  const busyMicros = children.reduce((sum, { totalMicros }) => sum + totalMicros, tree.selfMicros);
  if (busyMicros === 0) throw new Error('the profile has nothing but idle time');
  const boxes: Box[] = [{ label: ALL, folder: '', depth: 0, x: 0, width: WIDTH, share: 1, selfShare: tree.selfMicros / busyMicros }];
  const place = (siblings: readonly ProfileTree[], depth: number, from: number): void => {
    let x = from;
    for (const { frame, selfMicros, totalMicros, children } of siblings) {
      const share = totalMicros / busyMicros;
      const width = share * WIDTH;
      if (width >= BOX_WIDTH_LEAST) {
        boxes.push({ label: labelOf(frame), folder: fileOf(frame.url).split('/')[0] ?? '', depth, x, width, share, selfShare: selfMicros / busyMicros });
        place(children, depth + 1, x);
      }
      x += width;
    }
  };
  place(children, 1, 0);
  return boxes;
}

function drawn({ label, folder, x, width, share, selfShare }: Box, y: number): string {
  const left = MARGIN + x;
  const title = `<title>${escape(`${label}: ${percent(share)}, itself ${percent(selfShare)}`)}</title>`;
  const rect = `<rect x="${left.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${ROW_HEIGHT - 1}" rx="1" fill="${colourOf(folder)}"/>`;
  const text = width < TEXT_WIDTH_LEAST ? '' : `<text x="${(left + 3).toFixed(2)}" y="${y + 12}">${escape(fitted(label, width - 6))}</text>`;
  return `<g>${title}${rect}${text}</g>`;
}

function fitted(label: string, width: number): string {
  const characters = Math.floor(width / CHARACTER_WIDTH);
  return label.length <= characters ? label : `${label.slice(0, Math.max(0, characters - 1))}…`;
}

/** Light and warm, from red to yellow; one for each folder, package, and part of Node. */
function colourOf(folder: string): string {
  const hash = hashOf(folder);
  return `hsl(${8 + (hash % 48)},${75 + ((hash >>> 8) % 20)}%,${72 + ((hash >>> 16) % 12)}%)`;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x0100_0193) >>> 0;
  return hash;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** XML has no place for control characters, however they are written. */
function escape(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
