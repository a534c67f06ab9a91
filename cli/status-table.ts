/** The cluster's status as a table for people. Pure. */
import type { ClusterStatus, NodeStatus } from '../wire/index.ts';
import { alignColumns } from './columns.ts';

const HEADER = ['node', 'address', 'liveness', 'store', 'trusted', 'records', 'damaged', 'hints for it', 'clock', 'durability'];

export function statusTable(status: ClusterStatus): readonly string[] {
  const { clusterId, epoch, nodes, replicationFactor, partitions, askedNode, converged } = status;
  const rows = nodes.map((node, id) => rowOf(id, node, status));
  return [
    `cluster ${clusterId}: ${nodes.length} nodes, replication factor ${replicationFactor}, ${partitions} partitions, epoch ${epoch}`,
    '',
    ...alignColumns([HEADER, ...rows]),
    '',
    `liveness as node ${askedNode} sees it`,
    ...nodes.flatMap((node) => (node === null ? [] : warningsOf(node))),
    converged.converged ? 'converged: yes' : 'converged: no',
    ...converged.reasons.map((reason) => `  ${reason}`),
  ];
}

function rowOf(id: number, node: NodeStatus | null, status: ClusterStatus): readonly string[] {
  const asker = status.nodes[status.askedNode];
  const view = asker?.peers.find((peer) => peer.node === id);
  const address = view?.address ?? anyAddressOf(id, status) ?? '?';
  const refused = view?.refused;
  const liveness = id === status.askedNode ? 'alive' : refused === null || refused === undefined ? (view?.liveness ?? '?') : `refused: ${refused}`;
  const hints = String(hintsFor(id, status));
  if (node === null) return [String(id), address, liveness, 'no answer', '', '', '', hints, '', ''];
  return [
    String(id),
    address,
    liveness,
    node.store,
    node.untrusted === null ? 'yes' : 'no',
    node.scanned ? String(node.records) : `${node.records} so far`,
    String(node.damagedRecords),
    hints,
    node.clockSuspicious ? 'off' : 'ok',
    node.durability,
  ];
}

/** What a row has no room for. */
function warningsOf({ node, untrusted, damagedRecords }: NodeStatus): readonly string[] {
  const warnings: string[] = [];
  if (untrusted !== null) warnings.push(`node ${node} is not counted in quorums until it was compared with its peers: ${untrusted}`);
  if (damagedRecords > 0) warnings.push(`node ${node} has ${damagedRecords} damaged ${damagedRecords === 1 ? 'entry' : 'entries'} that the other replicas could not replace yet`);
  return warnings;
}

/** Hints that wait at any node for this one. */
function hintsFor(id: number, { nodes }: ClusterStatus): number {
  let waiting = 0;
  for (const node of nodes) waiting += node?.peers.find((peer) => peer.node === id)?.hintsWaiting ?? 0;
  return waiting;
}

function anyAddressOf(id: number, { nodes }: ClusterStatus): string | undefined {
  return nodes.flatMap((node) => node?.peers ?? []).find((peer) => peer.node === id)?.address;
}
