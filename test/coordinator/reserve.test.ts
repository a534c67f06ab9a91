import { describe, expect, it } from 'vitest';
import { Coordinator } from '../../coordinator/index.ts';
import { HybridClock, incarnation, nodeId, writerOf } from '../../data/index.ts';
import { TYPE, type ClientReply } from '../../wire/index.ts';
import { placementOf } from '../support/store-node.ts';

describe('a coordinator whose clock needs a higher ceiling', () => {
  it('asks a store that refuses at once again with the next tick, and not for ever in this one', () => {
    const [node, placement] = [nodeId(0), placementOf(1, 1)];
    const clock = new HybridClock(writerOf(node, incarnation(1)), 0);
    const answers: ClientReply[] = [];
    const sent: unknown[] = [];
    let asked = 0;
    let isRefusing = true;
    const coordinator = new Coordinator(
      placement,
      {
        clock,
        wallMs: () => 1_000,
        isAlive: () => true,
        send: (_, request) => sent.push(request) > 0,
        reserveCeiling: (floor, done) => {
          asked++;
          if (!isRefusing) clock.ceilingReserved(clock.nextCeiling(1_000, floor) ?? 0);
          done();
        },
      },
      { self: node, requestTimeoutMs: 1_000, requestsInFlightMax: 10, requestBytesInFlightMax: 1 << 20, times: { hedgeAfterMs: 50, replicaTimeoutMs: 100 }, fsync: 0 },
    );
    coordinator.put({ answer: (reply) => answers.push(reply) }, [TYPE.put, 1, Buffer.from('k'), Buffer.from('v'), 0, 0], 0);
    expect([asked, sent.length]).toStrictEqual([1, 0]);
    coordinator.tick(20);
    expect([asked, sent.length]).toStrictEqual([2, 0]);
    isRefusing = false;
    coordinator.tick(40);
    expect([asked, sent.length, answers.length]).toStrictEqual([3, 1, 0]);
  });
});
