/** V8's sampling profiler of another process. */
import { asCpuProfile, type CpuProfile } from './cpu-profile.ts';
import { InspectorSession } from './inspector-session.ts';

export const SAMPLING_INTERVAL_MICROS = 500;

export class Profiler {
  readonly #session: InspectorSession;

  /** Nothing is sampled yet. */
  static async connect(url: string): Promise<Profiler> {
    return new Profiler(await InspectorSession.connect(url));
  }

  private constructor(session: InspectorSession) {
    this.#session = session;
  }

  async start(): Promise<void> {
    await this.#session.call('Profiler.enable');
    await this.#session.call('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_MICROS });
    await this.#session.call('Profiler.start');
  }

  /** What was sampled since the start. */
  async stop(): Promise<CpuProfile> {
    const result = await this.#session.call('Profiler.stop');
    return asCpuProfile(typeof result === 'object' && result !== null && 'profile' in result ? result.profile : null);
  }

  close(): void {
    this.#session.close();
  }
}
