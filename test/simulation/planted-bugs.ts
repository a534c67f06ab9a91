/**
 * Bugs to plant in the sources, each one line or a few: what a tired person could write. Every one must be caught by the
 * simulation, or the simulation shows nothing. `find` stands exactly once in `file`, which a test checks, so that a bug
 * cannot rot away silently.
 */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'acknowledges before the fsync',
    file: 'data/store.ts',
    find: 'await this.#ports.kv.write(group.batch, this.#options.durability);',
    replace: "await this.#ports.kv.write(group.batch, 'os');",
  },
  {
    name: 'answers before the batch is written',
    file: 'data/store.ts',
    find: '      try {\n        await this.#ports.kv.write(',
    replace: '      for (const [index, item] of waiting.entries()) item.done(outcomes[index] ?? []);\n      waiting.length = 0;\n      try {\n        await this.#ports.kv.write(',
  },
  {
    name: 'counts the write quorum one short',
    file: 'coordinator/write-operation.ts',
    find: 'return requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length);',
    replace: 'return Math.max(1, requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length) - 1);',
  },
  {
    name: 'counts the read quorum one short',
    file: 'coordinator/read-operation.ts',
    find: 'return requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length);',
    replace: 'return Math.max(1, requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length) - 1);',
  },
  {
    name: 'drops a hint before the target has acknowledged it',
    file: 'coordinator/hand-off.ts',
    find: 'if (!Array.isArray(reply) || reply[0] !== TYPE.handedOff || reply[2] !== 1) return delivered;',
    replace: 'void reply;',
  },
  {
    name: 'does not write the hint down',
    file: 'data/write-group.ts',
    find: '    this.#put(databaseKey, value);\n    this.#account(databaseKey, target, current === null ? 1 : 0, growth);',
    replace: '    this.#account(databaseKey, target, 0, 0 * growth);',
  },
  {
    name: 'forgets the clock ceiling over a restart',
    file: 'data/clock.ts',
    find: '    this.#last = ceiling;\n    this.#ceiling = ceiling;',
    replace: '    this.#last = 0;\n    this.#ceiling = Math.max(ceiling, 0);',
  },
  {
    name: 'does not check the checksum on a read',
    file: 'data/store.ts',
    find: 'if (stored !== undefined && isIntact(key, stored)) {\n      this.#recent',
    replace: 'if (stored !== undefined && stored.length >= 18) {\n      this.#recent',
  },
  {
    name: 'does not check records that a sweep sends',
    file: 'data/store.ts',
    find: 'if (this.#inventory.isIntactAt(parts, entry.value)) records.push({ key: parts.key, record: entry.value });',
    replace: 'if (entry.value.length >= 18) records.push({ key: parts.key, record: entry.value });',
  },
  {
    name: 'takes a tombstone for nothing',
    file: 'coordinator/read-operation.ts',
    find: "    this.#replies.push(reply);\n    this.#count(reply);",
    replace: "    this.#replies.push(reply);\n    if (record !== null && valueOf(record) === null) return;\n    this.#count(reply);",
  },
  {
    name: 'takes the last record to arrive for the newest',
    file: 'data/write-group.ts',
    find: "      if (order < 0) return { status: 'superseded', version: current.stamp.version };\n",
    replace: '',
  },
  {
    name: 'answers a read with the last reply',
    file: 'coordinator/read-operation.ts',
    find: 'const order = this.#newest === null ? 1 : compareVersions(version, this.#newest);',
    replace: 'const order = this.#newest === null || compareVersions(version, this.#newest) !== 0 ? 1 : 0;',
  },
  {
    // Either of two nodes sweeps with the other, so an exchange that carries one way only is made up for by the other's: here
    // both carry only from the lower node to the higher.
    name: 'sweeps in one direction only',
    file: 'node/background.ts',
    find: "        return this.#ask(peer, 'sweepBytes', effect.build);\n      case 'slice':\n        return store.recordSlice(effect.range, effect.limits).catch(() => null);\n      case 'store':\n",
    replace:
      "        return this.#ask(peer, 'sweepBytes', (id) => (peer < this.#options.self && effect.build(id)[0] === TYPE.sweepRecords ? [TYPE.sweepRecords, id, []] : effect.build(id)));\n      case 'slice':\n        return store.recordSlice(effect.range, effect.limits).catch(() => null);\n      case 'store':\n        if (peer > this.#options.self) return 'stored';\n",
  },
  {
    name: 'takes a damaged record for an absent one',
    file: 'coordinator/replica.ts',
    find: 'return [TYPE.found, id, FOUND.damaged, null];',
    replace: 'return [TYPE.found, id, FOUND.absent, null];',
  },
  {
    name: 'takes a vanished record for an absent one',
    file: 'data/store.ts',
    find: 'if (this.get(orderedKey(key)) === undefined) return null;',
    replace: 'return null;',
  },
  {
    name: 'answers with the record that came, whatever newer version it was told of',
    file: 'coordinator/read-operation.ts',
    find: '      this.#newest = version;\n      this.#record = null;\n',
    replace: '      this.#newest = version;\n',
  },
  {
    name: 'takes a version for granted that its node can not back with a record',
    file: 'coordinator/read-operation.ts',
    find: "      if (sub.role === 'fetch') this.#forget(from);\n",
    replace: '',
  },
  {
    name: 'goes on after a failed write without reopening',
    file: 'data/store.ts',
    find: '        await this.#ports.kv.reopen();\n',
    replace: '',
  },
  {
    name: 'says that a failed write was refused',
    file: 'data/store.ts',
    find: "item.done((outcomes[index] ?? []).map((outcome) => (outcome.status === 'refused' ? outcome : UNKNOWN)));",
    replace: 'item.done((outcomes[index] ?? []).map(() => REFUSED_UNAVAILABLE));',
  },
  {
    name: 'accepts a peer with another topology',
    file: 'node/peer-session.ts',
    find: 'if (digest !== topologyDigest) return',
    replace: "if (digest === '') return",
  },
  {
    name: 'repairs with the first reply instead of the newest',
    file: 'coordinator/read-operation.ts',
    find: "    if (order < 0) return;\n    this.#record ??= record;\n    if (role === 'replica') this.#holders.push(node);",
    replace: "    if (role === 'replica') this.#holders.push(node);\n    if (order < 0) return;\n    this.#record ??= record;",
  },
  {
    name: 'does not wait for the read repair',
    file: 'coordinator/read-operation.ts',
    find: 'return this.#request.level >= 2 && this.#newest !== null;',
    replace: 'return this.#request.level > 3 && this.#newest !== null;',
  },
  {
    name: 'acknowledges a write that something newer had superseded',
    file: 'coordinator/write-operation.ts',
    find: 'if (this.#round > 1 || this.#answered) this.#keep(sub);',
    replace: 'if (this.#round >= 1 || this.#answered) this.#keep(sub);',
  },
  {
    name: 'counts an untrusted store in a read quorum',
    file: 'coordinator/replica.ts',
    find: 'const isCertain = !isReplica || (this.#trust.isTrusted(partition) && !this.#store.isDoubtful(key));',
    replace: 'const isCertain = !isReplica || partition >= 0;',
  },
  {
    name: 'trusts a store after one peer',
    file: 'coordinator/trust.ts',
    find: 'const needed = Math.min(topology.replicationFactor - majority + 1, topology.replicationFactor - 1);',
    replace: 'const needed = Math.min(1, topology.replicationFactor - majority + 1, topology.replicationFactor - 1);',
  },
  {
    name: 'leaves no hint for a replica that is down',
    file: 'coordinator/write-operation.ts',
    find: '    for (const target of plan.down) this.#hintFor(target);\n',
    replace: '',
  },
  {
    name: 'lets the higher node win a tie, on one path',
    file: 'data/write-group.ts',
    find: 'const order = compareVersions(version, current.stamp.version);',
    replace: 'const order = version.timestamp - current.stamp.version.timestamp;',
  },
  {
    name: 'acknowledges a write that was sent again and that something newer had superseded',
    file: 'coordinator/write-operation.ts',
    find: 'if (this.#round > 1 || this.#answered) this.#keep(sub);',
    replace: 'if (this.#round > 1 || this.#answered || this.#request.again !== null) this.#keep(sub);',
  },
  {
    name: 'writes anew by itself what the client was told the version of',
    file: 'coordinator/write-operation.ts',
    find: 'if (again === null && (flags & WRITE_FLAGS.tellVersion) === 0) this.#rewrite();',
    replace: 'if (again === null && flags < 99) this.#rewrite();',
  },
  {
    name: 'forgets the deadline of a write',
    file: 'coordinator/write-operation.ts',
    find: "if (!this.#answered && nowMs >= this.deadlineMs) this.#fail('the deadline passed');",
    replace: '',
  },
];
