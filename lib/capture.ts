/** Steps that are recorded once and replayed, without a call, a tape or an allocation of JavaScript's. */

import { CaptureError, DisposedError } from './errors.js';
import type { CaptureInfo } from './native.js';
import { addon } from './native-addon.js';
import { moveTo, native, type Resource } from './resource.js';
import { currentOwner, resourcesIn, scope } from './scope.js';

/** What the host does in each replay, before the task of that number. */
interface HostStep {
  readonly before: number;
  readonly run: () => void;
}

/** The host's part of the capture that is recording in this thread. */
let recording: HostStep[] | null = null;

const leaks = new FinalizationRegistry<number>((id) => addon.releaseCapture(id));

/** A recorded step; made by `capture`. */
export class Capture<T> {
  /** What the captured function returned. Its tensors hold the values of the last run or replay. */
  readonly outputs: T;
  /** How many tasks a replay enqueues. */
  readonly tasks: number;
  /** Memory that is set apart for the step, in bytes; `memory().active` includes it. */
  readonly bytes: number;
  readonly #id: number;
  readonly #hostSteps: readonly HostStep[];
  readonly #made: readonly Resource[];
  #disposed = false;

  /** @internal */
  constructor(outputs: T, made: readonly Resource[], info: CaptureInfo, hostSteps: readonly HostStep[]) {
    this.outputs = outputs;
    this.tasks = info.tasks;
    this.bytes = info.bytes;
    this.#id = info.id;
    this.#hostSteps = hostSteps;
    this.#made = made;
    leaks.register(this, info.id, this);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Enqueues the recorded work again and returns at once. Everything that it changes counts as changed: a tape that
   * saved one of these tensors before is stale.
   *
   * @throws DisposedError after `dispose()`; CaptureError inside a capture; what an `eachReplay` function throws
   */
  replay(): void {
    if (this.#disposed) {
      throw new DisposedError('Expected a live capture, but this one was disposed; capture the step again.');
    }
    let next = 0;
    for (const { before, run } of this.#hostSteps) {
      native(() => addon.replay(this.#id, next, before));
      next = before;
      run();
    }
    native(() => addon.replay(this.#id, next, this.tasks));
  }

  /** Gives back its memory and its outputs; replays that are enqueued still run. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    leaks.unregister(this);
    for (const resource of this.#made) resource.dispose();
    native(() => addon.releaseCapture(this.#id));
  }

  /** `using step = capture(…)` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Runs `step` once and records the device's work in it: `replay()` enqueues that work again. With equal inputs a replay
 * gives the bits of another call of `step`.
 *
 * - Replays read and write the tensors that `step` used, where they are: change inputs by `write()` or `assign()`
 *   before a replay. Such a tensor's memory is kept for the capture even when the tensor is disposed.
 * - Learning rates, Philox steps and epochs come from `device().stepBlock`: set them before a replay. What the host does
 *   in each step, such as counting, belongs into `eachReplay`.
 * - Anything else that JavaScript decided stays as it was: branches, numbers, and the gradients that existed. A gradient
 *   that was null, or cleared inside, starts anew in each replay; one that was there before is added to.
 * - Nothing else gets the memory of tensors made inside; those in the result (arrays, plain objects, Maps and Sets
 *   are searched) belong to the capture. Filters are packed anew in each replay.
 * - A task that fails in a replay poisons its results as usual; the next replay writes them afresh.
 *
 * @param step synchronous; it may call `backward` and optimisers
 * @throws CaptureError when it returns a promise, reads or writes values on the host, makes a tensor from an array, sets
 *   the step block, waits, replays, or captures
 * @throws whatever `step` throws. What it enqueued until then has run or will run, as without `capture`; nothing else
 *   is left of it
 */
export function capture<T>(step: () => T): Capture<T> {
  native(() => addon.beginCapture());
  const hostSteps: HostStep[] = [];
  recording = hostSteps;
  try {
    const made: Resource[] = [];
    const outputs = scope(() => {
      const result = step();
      refusePromise(result, 'captured');
      const inside = currentOwner()!;
      for (const resource of resourcesIn(result)) {
        if (inside.has(resource)) made.push(resource);
      }
      for (const resource of made) moveTo(resource, null);
      return result;
    });
    return new Capture(
      outputs,
      made,
      native(() => addon.endCapture()),
      hostSteps,
    );
  } catch (error) {
    addon.abandonCapture();
    throw error;
  } finally {
    recording = null;
  }
}

/**
 * Runs `fn` now and, when this is inside `capture`, at the same place of each replay. It is for what the host does in
 * every step: counting, setting the step block, writing inputs. Outside a capture it just runs `fn`.
 *
 * The device's work in it is not recorded: it is enqueued each time. Tensors made in it are released at its end.
 *
 * @throws CaptureError when `fn` returns a promise
 */
export function eachReplay(fn: () => void): void {
  const run = (): void =>
    scope(() => {
      const result: unknown = fn();
      refusePromise(result, 'eachReplay');
    });
  if (recording === null) {
    run();
    return;
  }
  const before = native(() => addon.pauseCapture(true));
  try {
    run();
  } finally {
    addon.pauseCapture(false);
  }
  recording.push({ before, run });
}

function refusePromise(result: unknown, where: string): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  if (result instanceof Promise) result.catch(() => {}); // its error, if any, is not what is wrong
  throw new CaptureError(
    `Expected the ${where} function to be synchronous, but it returned a promise; await before or after the replay.`,
  );
}
