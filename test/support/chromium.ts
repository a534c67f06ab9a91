/** A real browser for tests: Chromium without a window, with a profile of its own, that reaches loopback only. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { eventually, temporaryDirectory } from './processes.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const STDERR_UNITS_KEPT = 4_000;

/** For this browser a name of 127.0.0.1, and yet no loopback origin. */
export const STRANGER_HOST = 'stranger.example';

const FLAGS = [
  '--headless=new',
  // It refuses to run as root otherwise; what it loads is this repository.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--disable-breakpad',
  '--no-pings',
  `--host-resolver-rules=MAP ${STRANGER_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
  // It ends when the pipe does, so that it does not outlive a test that is killed.
  '--remote-debugging-pipe',
];

/** null where there is none. */
export function findChromium(): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // The next one.
      }
    }
  }
  return null;
}

export interface Chromium extends AsyncDisposable {
  /** The end of what it has said, for a test that failed. */
  readonly stderr: string;
}

/** Opens the page. At the end all of its processes are gone. */
export async function openChromium(executable: string, url: string): Promise<Chromium> {
  const profile = await temporaryDirectory();
  // A process group of its own, so that all of its processes can be ended.
  const child = spawn(executable, [...FLAGS, `--user-data-dir=${profile.path}`, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, HOME: profile.path, XDG_CONFIG_HOME: profile.path, XDG_CACHE_HOME: profile.path },
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_UNITS_KEPT)));
  child.on('error', (error) => (stderr += String(error)));
  const kill = (): void => {
    if (child.pid !== undefined) killIfThere(-child.pid);
  };
  process.once('exit', kill);
  return {
    get stderr() {
      return stderr;
    },
    async [Symbol.asyncDispose]() {
      kill();
      // The handlers of crashes leave the group; they name the profile, as the browser itself does.
      await eventually('Chromium is gone', async () => {
        const left = await processesNaming(profile.path);
        for (const pid of left) killIfThere(pid);
        return left.length === 0 ? true : null;
      });
      process.off('exit', kill);
      await profile[Symbol.asyncDispose]();
    },
  };
}

/** A process, or minus a group of them. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** The processes whose command line names the text; none where there is no /proc. */
async function processesNaming(text: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(text)) found.push(Number(name));
  }
  return found;
}
