import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../cli/json-lines.ts';
import { LoadWindow, type Taken } from '../../cli/load-window.ts';

const LIMITS = { changesMax: 8, bytesMax: 60, spreadMax: 12 };

function put(key: string, bytes = 1): Change {
  return { kind: 'put', key: Buffer.from(key), value: new Uint8Array(bytes) };
}

describe('the window of a load', () => {
  it('keeps its limits, sends the lines of a key one after the other, and knows up to which line all is acknowledged', () => {
    let waited = 0;
    const step = fc.oneof(
      fc.record({ act: fc.constant('read' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), bytes: fc.nat(20) }),
      fc.record({ act: fc.constant('blank' as const) }),
      fc.record({ act: fc.constant('answer' as const), which: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), fc.nat(50), (steps, skipped) => {
        const window = new LoadWindow(LIMITS, skipped);
        const sent: Taken[] = [];
        const open = new Map<number, string>();
        let line = skipped;
        let bytes = 0;
        const send = (taken: Taken | null): void => {
          if (taken === null) return;
          expect(sent.map(({ keyText }) => keyText)).not.toContain(taken.keyText);
          expect(Math.min(...[...open].filter(([, key]) => key === taken.keyText).map(([line]) => line))).toBe(taken.line);
          sent.push(taken);
        };
        for (const step of steps) {
          if (step.act === 'read' && window.hasRoomFor(put(step.key, step.bytes))) {
            line += 1;
            bytes += 1 + step.bytes;
            open.set(line, step.key);
            const taken = window.take(line, put(step.key, step.bytes));
            if (taken === null) waited += 1;
            send(taken);
          } else if (step.act === 'blank') {
            line += 1;
            window.passBlank(line);
          } else if (step.act === 'answer' && sent.length > 0) {
            const [taken] = sent.splice(step.which % sent.length, 1);
            if (taken === undefined) continue;
            open.delete(taken.line);
            bytes -= taken.bytes;
            send(window.acknowledge(taken));
          }
          expect(window.open).toBe(open.size);
          expect(open.size).toBeLessThanOrEqual(LIMITS.changesMax);
          expect(bytes <= LIMITS.bytesMax || open.size === 1).toBe(true);
          expect(window.acknowledgedThrough).toBe(open.size === 0 ? line : Math.min(...open.keys()) - 1);
        }
      }),
    );
    expect(waited).toBeGreaterThan(0);
  });

  it('does not run ahead of one slow change without end', () => {
    const window = new LoadWindow(LIMITS);
    expect(window.take(1, put('slow'))).not.toBeNull();
    let line = 1;
    while (window.hasRoomFor(put('k'))) {
      line += 1;
      const taken = window.take(line, put(`k${line}`));
      if (taken !== null) window.acknowledge(taken);
    }
    expect(line).toBe(LIMITS.spreadMax);
    expect(window.acknowledgedThrough).toBe(0);
  });

  it('takes one change that is larger than its bytes, alone', () => {
    const window = new LoadWindow(LIMITS);
    expect(window.hasRoomFor(put('large', 100))).toBe(true);
    const taken = window.take(1, put('large', 100));
    expect(window.hasRoomFor(put('k'))).toBe(false);
    if (taken !== null) window.acknowledge(taken);
    expect(window.hasRoomFor(put('k'))).toBe(true);
  });
});
