/**
 * An etcd client for a benchmark: Range and Put of etcd's gRPC interface (etcd `api/etcdserverpb/rpc.proto`).
 *
 * One HTTP/2 connection to the first of the addresses. `@grpc/grpc-js` is what every etcd client for Node.js is built
 * on; what it costs the load generator is in the generator's processor time. It is loaded here only, when it is needed.
 */
import type { Client, ServiceError } from '@grpc/grpc-js';
import type { fromJSON } from '@grpc/proto-loader';
import type { StoreClient } from '../load/store-client.ts';
import { PeerError } from './errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** What is asked for and looked at; a decoder skips the fields that it does not know. */
const PROTOCOL: Parameters<typeof fromJSON>[0] = {
  nested: {
    etcdserverpb: {
      nested: {
        KV: {
          methods: {
            Range: { requestType: 'RangeRequest', responseType: 'RangeResponse', comment: 'linearizable, as `serializable` (field 7) is not set' },
            Put: { requestType: 'PutRequest', responseType: 'PutResponse', comment: 'answers when the raft log of a majority has it' },
          },
        },
        RangeRequest: { fields: { key: { type: 'bytes', id: 1 } } },
        RangeResponse: { fields: { kvs: { rule: 'repeated', type: 'KeyValue', id: 2 } } },
        KeyValue: { fields: { value: { type: 'bytes', id: 5 } } },
        PutRequest: { fields: { key: { type: 'bytes', id: 1 }, value: { type: 'bytes', id: 2 } } },
        PutResponse: { fields: {} },
      },
    },
  },
};

type Answered<Answer> = (error: ServiceError | null, answer?: Answer) => void;

interface RangeAnswer {
  readonly kvs: readonly { readonly value: Uint8Array }[];
}

/** The client that grpc-js makes of the definition above. */
interface KvClient extends Client {
  range(request: { readonly key: Uint8Array }, options: CallOptions, answered: Answered<RangeAnswer>): void;
  put(request: { readonly key: Uint8Array; readonly value: Uint8Array }, options: CallOptions, answered: Answered<object>): void;
}

interface CallOptions {
  readonly deadline: number;
}

export async function connectEtcd(urls: readonly string[]): Promise<StoreClient> {
  const [url] = urls;
  if (url === undefined) throw new TypeError('etcd has no address');
  const client = await kvClient(new URL(url).host);
  return {
    read: (key) =>
      new Promise((resolve, reject) => {
        client.range({ key }, callOptions(), (error, answer) => (error === null ? resolve(answer?.kvs[0]?.value ?? null) : reject(refused(error))));
      }),
    write: (key, value) =>
      new Promise<void>((resolve, reject) => {
        client.put({ key, value }, callOptions(), (error) => (error === null ? resolve() : reject(refused(error))));
      }),
    close: async () => client.close(),
  };
}

async function kvClient(address: string): Promise<KvClient> {
  const [{ Client, credentials, makeClientConstructor }, { fromJSON }] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')]);
  const service = fromJSON(PROTOCOL, { arrays: true })['etcdserverpb.KV'];
  if (service === undefined || 'format' in service) throw new TypeError('etcdserverpb.KV is no service');
  const KvConstructor = makeClientConstructor(service, 'KV');
  // A pool of connections of its own: otherwise all clients of a process share one.
  const client: unknown = new KvConstructor(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  if (!(client instanceof Client)) throw new TypeError('grpc-js made no client');
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => (error === undefined ? resolve() : reject(error)));
  });
  return client as KvClient;
}

function callOptions(): CallOptions {
  return { deadline: Date.now() + REQUEST_TIMEOUT_MS };
}

function refused(error: ServiceError): PeerError {
  return new PeerError('PEER_REFUSED', error.message);
}
