/** The log of one node: pino's JSON lines on standard error. */
import { destination, pino, type Logger } from 'pino';

export type Log = Logger;

export function openLog(node: number, level: 'silent' | 'error' | 'warn' | 'info' | 'debug'): Log {
  return pino({ level, base: { node } }, destination({ fd: 2, sync: true }));
}
