/** A page, or a worker of one. */
import type { ClientPlatform } from './platform.ts';
import { dialWith, type StandardWebSocket } from './web-socket.ts';

/** What is used of a browser beside what Node has as well. */
interface Browser {
  readonly WebSocket: new (address: string) => StandardWebSocket;
  readonly MessageChannel: new () => {
    readonly port1: { addEventListener(type: 'message', listener: () => void): void; start(): void };
    readonly port2: { postMessage(message: null): void };
  };
}

export const BROWSER_PLATFORM: ClientPlatform = {
  dial: dialWith((address) => new (browser().WebSocket)(address)),
  afterThisTask: (task) => tasks().push(task),
};

/** Made with the first request, so that merely to load the module does nothing. */
let queue: TaskQueue | null = null;

function tasks(): TaskQueue {
  queue ??= new TaskQueue();
  return queue;
}

/** Tasks of the browser's event loop. A message is one at once; a timer would wait 4 ms and more, a promise not at all. */
class TaskQueue {
  #waiting: (() => void)[] = [];
  readonly #channel = new (browser().MessageChannel)();

  constructor() {
    this.#channel.port1.addEventListener('message', () => this.#run());
    this.#channel.port1.start();
  }

  push(task: () => void): void {
    if (this.#waiting.push(task) === 1) this.#channel.port2.postMessage(null);
  }

  #run(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const task of waiting) task();
  }
}

function browser(): Browser {
  const scope: unknown = globalThis;
  return scope as Browser;
}
