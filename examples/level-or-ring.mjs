// A program written for `level`. All that changes on a cluster is the constructor:
//   node examples/level-or-ring.mjs level ./db
//   node examples/level-or-ring.mjs ring ws://127.0.0.1:7400,ws://127.0.0.1:7401     (npm start runs one)
/* oxlint-disable no-console */
import { Level } from 'level';
import { RingLevel } from 'ring-level';

const [kind, where = ''] = process.argv.slice(2);
const db = kind === 'ring' ? new RingLevel(where.split(','), { keyspace: 'example' }) : new Level(where);

await db.clear();

await db.put('fruit:apple', 'red');
await db.batch([
  { type: 'put', key: 'fruit:banana', value: 'yellow' },
  { type: 'put', key: 'fruit:cherry', value: 'red' },
  { type: 'put', key: 'tree:oak', value: 'tall' },
  { type: 'del', key: 'fruit:never' },
]);
await db.batch().put('fruit:date', 'brown').del('tree:oak').write();

console.log('apple is', await db.get('fruit:apple'));
console.log('oak is', await db.get('tree:oak'));
console.log('of each', await db.getMany(['fruit:banana', 'fruit:never', 'fruit:date']));
console.log('is there', await db.has('fruit:cherry'), await db.has('tree:oak'));

for await (const [key, value] of db.iterator({ gte: 'fruit:b', lt: 'fruit:d' })) console.log(key, '=', value);
console.log('last two', await db.keys({ reverse: true, limit: 2 }).all());

const users = db.sublevel('users', { valueEncoding: 'json' });
await users.put('alice', { age: 30, likes: ['apple'] });
await users.put('bob', { age: 40, likes: [] });
console.log('alice', await users.get('alice'));
console.log('ages', (await users.values().all()).map(({ age }) => age));

const iterator = users.keys();
iterator.seek('b');
console.log('from b', await iterator.nextv(10));
await iterator.close();

await db.clear({ gte: 'fruit:', lt: 'fruit;' });
console.log('left', await db.keys().all());
await users.clear();
console.log('left', await db.keys().all());

await db.close();
console.log('it is', db.status);
