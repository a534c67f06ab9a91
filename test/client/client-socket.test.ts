import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { dialWith } from '../../client/web-socket.ts';
import { dialWs } from '../../client/ws-socket.ts';
import { clientSocketContract } from './client-socket.contract.ts';
import { until } from './scripted-node.ts';

clientSocketContract('of Node', dialWs);
// Node 20 has no WebSocket of its own; that of ws has the same interface. test/client/browser.test.ts runs a real one.
clientSocketContract('of a browser', dialWith((address) => new WebSocket(address, { perMessageDeflate: false })));

describe('the socket of a browser', () => {
  test('tells what the constructor throws', async () => {
    let reason = '';
    dialWith(() => {
      throw new Error('an insecure WebSocket from a page that is secure');
    })('ws://127.0.0.1:1', 1_000, { opened: () => undefined, received: () => undefined, drained: () => undefined, closed: (told) => (reason = told) });
    expect(reason).toBe('');
    await until(() => reason !== '');
    expect(reason).toContain('insecure');
  });
});
