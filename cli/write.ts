/** How an acknowledged write is told: by put, delete and `run`. */
import { versionToString } from '../data/index.ts';
import type { WriteAnswer } from '../wire/index.ts';
import type { Output } from './output.ts';

export function printWrite(answer: WriteAnswer, form: 'text' | 'json', output: Output): void {
  const version = versionToString(answer.version);
  if (form === 'text') {
    output.line(`ok ${version}`);
    return;
  }
  const { durableOn, hints, fsync } = answer;
  output.line(JSON.stringify({ ok: true, version, durableOn, hints, fsync }));
}
