/**
 * examples/protocol-vectors.json against this implementation: it is what the code says today, and each vector is decoded
 * and encoded on its own. test/examples/python.test.ts has another implementation do the same.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Placement, firstTopology, topologyDigest } from '../../coordinator/index.ts';
import { encodeRecord, hashKey, isIntact, nodeId, versionFromString, versionToBytes, versionToString, type Version } from '../../data/index.ts';
import { deriveClusterId } from '../../node/cluster-id.ts';
import { ERROR_CODES, FrameError, LEVELS, PROTOCOL_VERSION, READ_SAID, TYPE, WRITE_SAID, decodeClientReplies, decodeClientRequests, decodeTextFrame, encodeFrame, encodeTextReply, isInvalid, type AnyMessage, type ClientReply, type ClientRequest, type InvalidRequest } from '../../wire/index.ts';
import { VECTORS_PATH, buildVectors, vectorsText, type Vectors } from './vectors/build.ts';
import { CANONICAL, encodeAs } from './vectors/encodings.ts';
import { bytesOf, messageElements, toHex, utf8 } from './vectors/form.ts';
import type { Outcome } from './vectors/frames.ts';
import { isNewer, isVersionHex } from './vectors/versions.ts';

const text = readFileSync(VECTORS_PATH, 'utf8');
const vectors = JSON.parse(text) as Vectors;
const document = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');

/** Types below this number are of clients; 0 is the header between nodes. */
const PEER_TYPE_MIN = 32;

/** What text frames have no words for. */
const NOT_IN_TEXT: ReadonlySet<string> = new Set(['control', 'writeAgain', 'issued']);

/** Bytes as hex, which compares a hundred times as fast. */
function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  return Array.isArray(value) ? value.map(hexed) : value;
}

function expectedOf(outcomes: readonly Outcome[]): readonly unknown[] {
  return outcomes.map((outcome) => ('refused' in outcome ? outcome : hexed(messageElements(outcome))));
}

function outcomesOf(requests: readonly (ClientRequest | InvalidRequest)[]): readonly unknown[] {
  return requests.map((request) => (isInvalid(request) ? { refused: request.code, id: request.id } : hexed(request)));
}

describe('the file of test vectors', () => {
  it('is what the code says: after a change that is meant, npm run vectors writes it anew', () => {
    expect(text).toBe(vectorsText(buildVectors()));
    expect(vectors).toMatchObject({ format: 1, protocolVersion: PROTOCOL_VERSION, levels: LEVELS });
  });

  it('describes every section that it has', () => {
    const head = ['format', 'protocolVersion', 'about', 'conventions', 'sections'];
    expect([...head, ...Object.keys(vectors.sections)]).toStrictEqual(Object.keys(vectors));
  });

  it('has every message between client and node, as a request or a reply, with its type', () => {
    const ofClients = Object.entries(TYPE).filter(([, type]) => type > TYPE.frameHeader && type < PEER_TYPE_MIN);
    const layouts = Object.entries({ ...vectors.layouts.requests, ...vectors.layouts.replies });
    expect(layouts.map(([name, { type }]) => [name, type])).toStrictEqual(ofClients);
    const shown = new Set([...vectors.requestFrames, ...vectors.replyFrames].flatMap(({ messages }) => messages.map(({ type }) => type)));
    expect(shown).toStrictEqual(new Set(layouts.map(([name]) => name)));
    const optional = layouts.flatMap(([name, layout]) => (layout.optional ?? []).map((field) => [name, field] as const));
    for (const [name, field] of optional) {
      const uses = [...vectors.requestFrames, ...vectors.replyFrames].flatMap(({ messages }) => messages.filter(({ type }) => type === name));
      const shapes = new Set(uses.map((message) => message[field] !== undefined));
      expect({ name, field, shapes }).toStrictEqual({ name, field, shapes: new Set([true, false]) });
    }
  });

  it('has every request that a text frame may hold, and every error code', () => {
    const asked = new Set(vectors.textRequests.flatMap(({ outcomes }) => outcomes.map((outcome) => ('type' in outcome ? outcome.type : null))));
    expect(asked).toStrictEqual(new Set([...Object.keys(vectors.layouts.requests).filter((name) => !NOT_IN_TEXT.has(name)), null]));
    const said = new Set(vectors.textReplies.map(({ message }) => message.type));
    expect(said).toStrictEqual(new Set(Object.keys(vectors.layouts.replies).filter((name) => !NOT_IN_TEXT.has(name))));
    expect(Object.fromEntries(vectors.errors.map(({ number, code }) => [number, code]))).toStrictEqual({ ...ERROR_CODES });
  });

  it('has every word that a node may say of a write or to a read, as a number and as text', () => {
    const repliesWith = (name: string): readonly (readonly unknown[])[] => vectors.replyFrames.flatMap(({ messages }) => messages.filter(({ type }) => type === name)).map(({ said }) => (Array.isArray(said) ? said : []));
    const every = (list: readonly unknown[]): ReadonlySet<unknown> => new Set(list);
    expect(every(repliesWith('written').flatMap((said) => said.filter((_, index) => index % 2 === 1)))).toStrictEqual(every([...WRITE_SAID.keys()]));
    expect(every(repliesWith('value').flatMap((said) => said.filter((_, index) => index % 4 === 2)))).toStrictEqual(every([...READ_SAID.keys()]));
    const texts = vectors.textReplies.map((reply) => JSON.parse(reply.text) as { readonly replicas?: readonly { readonly said: string }[]; readonly nodes?: readonly { readonly said: string }[] });
    expect(every(texts.flatMap(({ replicas = [] }) => replicas.map(({ said }) => said)))).toStrictEqual(every(WRITE_SAID));
    expect(every(texts.flatMap(({ nodes = [] }) => nodes.map(({ said }) => said)))).toStrictEqual(every(READ_SAID));
  });

  it('has the examples of PROTOCOL.md', () => {
    const blocks = [...document.matchAll(/```\n([0-9a-f]{2}[ \n][^`]*)```/g)];
    const [request, reply, record, ...others] = blocks.map(([, block = '']) => block.replaceAll(/ {2}array of .*$/gm, '').replaceAll(/\s/g, ''));
    expect(others).toStrictEqual([]);
    expect(request).toBe(vectors.requestFrames[0]?.bytes);
    expect(reply).toBe(vectors.replyFrames[0]?.bytes);
    expect(record).toBe(vectors.disk.records[0]?.record);
    expect(document).toContain('`1764000000000.3-n1.0c0de` is `00066ada5fa00003 ffe0c0de`');
    expect(vectors.versions.forms[0]).toMatchObject({ text: '1764000000000.3-n1.0c0de', bytes: '00066ada5fa00003ffe0c0de' });
    expect(document).toContain('`hash("user1")` with seed 0 is 3146298071');
    expect(vectors.hashes.inputs[0]).toMatchObject({ text: 'user1', xxh32: { 0: 3_146_298_071 } });
    expect(vectors.hashes.seeds[0]).toBe(0);
    expect(document).toContain(`flags 0, is \`${vectors.disk.merkle.digests[0]?.digest}\``);
    const place = vectors.placement.find(({ nodes, replicationFactor }) => nodes === 3 && replicationFactor === 2)?.hashes.find(({ hash }) => hash === 1);
    expect(document).toContain('With 3 nodes and 2 replicas, a key with hash 1 lies on nodes 1 and 2; its fallback node is 0.');
    expect(place).toMatchObject({ replicas: [1, 2], fallbacks: [0] });
  });
});

describe('binary frames of the vectors', () => {
  it.each(vectors.requestFrames)('$name: is encoded so, and read in every form', ({ messages, bytes, alternatives = [] }) => {
    const elements = messages.map(messageElements);
    expect(toHex(encodeFrame(elements as unknown as readonly AnyMessage[]))).toBe(toHex(bytesOf(bytes)));
    expect(toHex(encodeAs(elements, CANONICAL))).toBe(toHex(bytesOf(bytes)));
    for (const form of [bytes, ...alternatives.map((other) => other.bytes)]) expect(hexed(decodeClientRequests(bytesOf(form)))).toEqual(hexed(elements));
  });

  it('every other encoding is there', () => {
    const whys = new Set(vectors.requestFrames.flatMap(({ alternatives = [] }) => alternatives.map(({ why }) => why)));
    expect(whys.size).toBe(6);
  });

  it.each(vectors.replyFrames)('$name: is encoded so, and read', ({ messages, bytes }) => {
    const elements = messages.map(messageElements);
    expect(toHex(encodeFrame(elements as unknown as readonly AnyMessage[]))).toBe(toHex(bytesOf(bytes)));
    expect(hexed(decodeClientReplies(bytesOf(bytes)))).toEqual(hexed(elements));
  });

  it.each(vectors.refusedRequests)('$name: is refused, and its neighbours are not', ({ bytes, outcomes }) => {
    expect(outcomesOf(decodeClientRequests(bytesOf(bytes)))).toEqual(expectedOf(outcomes));
  });

  it.each(vectors.refusedFrames)('$name: the whole frame is refused', ({ bytes }) => {
    expect(() => decodeClientRequests(bytesOf(bytes))).toThrow(FrameError);
  });
});

describe('text frames of the vectors', () => {
  it.each(vectors.textRequests)('$text', ({ text, isArray, outcomes }) => {
    const frame = decodeTextFrame(text);
    expect(frame.isArray).toBe(isArray);
    expect(outcomesOf(frame.requests)).toEqual(expectedOf(outcomes));
  });

  it.each(vectors.refusedTexts.map((text) => ({ text })))('$text is refused', ({ text }) => {
    expect(() => decodeTextFrame(text)).toThrow(FrameError);
  });

  it.each(vectors.textReplies)('$text is said of a reply', ({ message, text }) => {
    expect(JSON.parse(encodeTextReply(messageElements(message) as unknown as ClientReply))).toEqual(JSON.parse(text));
  });
});

describe('hashes, placement and versions of the vectors', () => {
  it('keys have these hashes', () => {
    const { seeds, inputs } = vectors.hashes;
    for (const { bytes, text, xxh32 } of inputs) {
      expect({ bytes, xxh32: seeds.map((seed) => hashKey(bytesOf(bytes), seed)) }).toEqual({ bytes, xxh32 });
      if (text !== undefined) expect(toHex(utf8(text))).toBe(bytes);
    }
    // All that XXH32 treats apart: nothing, tails alone, whole blocks, blocks with tails.
    const lengths = new Set(inputs.map(({ bytes }) => bytes.length / 2));
    for (let length = 0; length <= 100; length++) expect(lengths).toContain(length);
  });

  it('keys and hashes lie there', () => {
    for (const { nodes, replicationFactor, hashSeed, members, hashes, keys, ...derived } of vectors.placement) {
      const topology = firstTopology(members.map(({ id, address }) => ({ id: nodeId(id), address })), replicationFactor, hashSeed);
      const placement = new Placement(topology);
      expect({ partitionCount: topology.partitionCount, topologyDigest: topologyDigest(topology), clusterId: deriveClusterId(topology) }).toEqual(derived);
      expect(members).toHaveLength(nodes);
      for (const { hash, homeNode, ...place } of hashes) {
        expect(placement.ofHash(hash)).toEqual(place);
        expect(homeNode).toBe(hash % nodes);
      }
      for (const { key, hash, homeNode, ...place } of keys) {
        expect(placement.hash(bytesOf(key))).toBe(hash);
        expect(placement.ofKey(bytesOf(key))).toEqual(place);
        expect(homeNode).toBe(hash % nodes);
      }
    }
  });

  it('versions have these bytes and parts, and come in this order', () => {
    for (const { text, bytes, timestamp, writer, milliseconds, counter } of vectors.versions.forms) {
      const version: Version = { timestamp, writer };
      expect(versionFromString(text)).toEqual(version);
      expect(versionToString(version)).toBe(text);
      expect(toHex(versionToBytes(version))).toBe(bytes);
      expect(milliseconds * 1_024 + counter).toBe(timestamp);
    }
    for (const { why, oldestFirst } of vectors.versions.orders) {
      for (const [index, version] of oldestFirst.entries()) {
        const newer = oldestFirst.filter((other) => isNewer(other, version));
        expect({ why, newer }).toEqual({ why, newer: oldestFirst.slice(index + 1) });
      }
    }
    for (const text of vectors.versions.invalidTexts) expect(() => versionFromString(text)).toThrow(expect.objectContaining({ code: 'RING_VERSION_INVALID' }));
    for (const { why, bytes } of vectors.versions.invalidBytes) expect({ why, is: isVersionHex(bytes) }).toEqual({ why, is: false });
    for (const { bytes } of vectors.versions.forms) expect(isVersionHex(bytes)).toBe(true);
  });
});

describe('records of the vectors', () => {
  it('are encoded so and intact; damaged ones are told', () => {
    for (const { key, version, value, record } of vectors.disk.records) {
      const encoded = encodeRecord(bytesOf(key), versionFromString(version), value === null ? null : bytesOf(value));
      expect(toHex(encoded)).toBe(toHex(bytesOf(record)));
      expect(isIntact(bytesOf(key), bytesOf(record))).toBe(true);
    }
    for (const { why, key, record } of vectors.disk.damagedRecords) expect({ why, is: isIntact(bytesOf(key), bytesOf(record)) }).toEqual({ why, is: false });
  });
});
