/** The greatest resident memory that a process ever had, as the kernel keeps it. */
import { readFileSync } from 'node:fs';

/** Null where there is no /proc, and when the process is gone. */
export function greatestResidentBytes(pid: number): number | null {
  try {
    return greatestResidentBytesOf(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return null;
  }
}

/** Of the text of /proc/PID/status. */
export function greatestResidentBytesOf(status: string): number | null {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
