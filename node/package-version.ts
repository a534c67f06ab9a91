/** The version of this package. */
import { readFileSync } from 'node:fs';

/** package.json is one folder up in the sources, two in the built package. */
export const PACKAGE_VERSION: string = ['../package.json', '../../package.json'].map(readVersion).find((version) => version !== '') ?? '0.0.0';

function readVersion(path: string): string {
  try {
    const value: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
    return typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string' ? value.version : '';
  } catch {
    return '';
  }
}
