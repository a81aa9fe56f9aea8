/** Signals of the system as something that loops ask between two steps. */

import { AbortedError } from './errors.js';
import { addon } from './native-addon.js';
import { native } from './resource.js';

/** What a loop needs of an `AbortSignal`: every `AbortSignal` is one. */
export type StopSignal = Pick<AbortSignal, 'aborted' | 'reason' | 'throwIfAborted'>;

/** Whether one of the system's signals has come; made by `installSignalHandlers`. */
export class SystemStopSignal implements StopSignal {
  readonly #resumable: boolean;
  #reason: AbortedError | undefined;

  /** @internal */
  constructor(resumable: boolean) {
    this.#resumable = resumable;
  }

  /** Asks the flag that the handler raises: it is up even when the event loop has been busy since. */
  get aborted(): boolean {
    return this.reason !== undefined;
  }

  /** An AbortedError that names the signal; undefined as long as none has come. */
  get reason(): AbortedError | undefined {
    if (this.#reason === undefined) {
      const name = addon.receivedSignal();
      if (name !== '') {
        const next = this.#resumable ? ' --resume continues from the last checkpoint.' : '';
        this.#reason = new AbortedError(`Stopped by ${name}.${next}`, { resumable: this.#resumable });
      }
    }
    return this.#reason;
  }

  /** @throws AbortedError when a signal has come */
  throwIfAborted(): void {
    if (this.reason !== undefined) throw this.reason;
  }

  /** Puts the former handlers back. */
  dispose(): void {
    addon.removeSignalHandlers();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * From here on SIGTERM, SIGINT and SIGUSR1 no longer end the process: they raise a flag, which the returned signal tells
 * at once, also in the middle of a long step. Pass it on as `signal`, as to a `Trainer`. A second SIGINT ends the process.
 *
 * For the whole process, worker threads included. SIGUSR1 does not open Node's inspector any more. Listeners of
 * `process.on` for these signals do not run until `dispose()`.
 *
 * @param options.resumable whether the work can be resumed wherever it is stopped: the reason then says so, and the
 *   command ends with exit code 75. Default false
 * @throws UnsupportedError when the system refuses
 */
export function installSignalHandlers(options: { readonly resumable?: boolean } = {}): SystemStopSignal {
  native(() => addon.installSignalHandlers());
  return new SystemStopSignal(options.resumable ?? false);
}
