/** The device that computes, its memory, and the numbers that change from step to step. */

import { ArgumentError, DeviceError, fromNative } from './errors.js';
import type { MemoryCounters } from './native.js';
import { addon } from './native-addon.js';
import { native } from './resource.js';

/** `auto`: the best there is. */
export type DeviceKind = 'auto' | 'cpu' | 'cuda';

/**
 * How exact a convolution must be. `default`: every operation within 1e-5 of the largest value of its result, a 3x3
 * convolution by Winograd's F(4x4, 3x3) within 1e-4. `strict`: that algorithm is not used, so that no error exceeds that
 * of plain sums in f32.
 */
export type Precision = 'default' | 'strict';

const slotCount = 32;
const philoxStep = -1;
const philoxEpoch = -2;

const numbers = { cpu: 0, cuda: 1 } as const;

/** Scalars that kernels read when they run, so that a step can be recorded once and replayed. */
export class StepBlock {
  readonly #used = new Set<number>();
  readonly #device: number;

  /** @internal */
  constructor(device: number) {
    this.#device = device;
  }

  /** Reserves one of 32 slots for a scalar, such as a learning rate. @throws ArgumentError when all are taken */
  allocateSlot(): number {
    for (let slot = 0; slot < slotCount; slot++) {
      if (this.#used.has(slot)) continue;
      this.#used.add(slot);
      return slot;
    }
    throw new ArgumentError(
      `Expected a free slot in the step block, but all ${slotCount} are taken; dispose optimisers that are done with.`,
    );
  }

  /** Makes a slot free again. */
  releaseSlot(slot: number): void {
    this.#used.delete(slot);
  }

  /** Sets a slot for all work that is enqueued from now on. */
  set(slot: number, value: number): void {
    native(() => addon.setStepBlock(slot, value, this.#device));
  }

  /** Sets the step that dropout and attacks draw their random numbers for, and the epoch of augmentation if given. */
  manualStep(step: number, epoch?: number): void {
    this.set(philoxStep, step);
    if (epoch !== undefined) this.set(philoxEpoch, epoch);
  }

  /** Sets the epoch of augmentation; loaders do it for each of their batches. */
  setEpoch(epoch: number): void {
    this.set(philoxEpoch, epoch);
  }
}

/** A device. There is one of each kind in a process. */
export class Device {
  readonly kind: 'cpu' | 'cuda';
  readonly stepBlock: StepBlock;
  readonly #number: number;

  /** @internal */
  constructor(kind: 'cpu' | 'cuda') {
    this.kind = kind;
    this.#number = numbers[kind];
    this.stepBlock = new StepBlock(this.#number);
  }

  /** The device in words: of a GPU its name and architecture. */
  get description(): string {
    return addon.engine(this.#number).description;
  }

  /**
   * The instruction set that kernels use: base, avx2 or avx512, or cuda. Results are equal to the bit only on the same one,
   * and, for cuda, on one architecture.
   */
  get isa(): string {
    return addon.engine(this.#number).isa;
  }

  /** What the addon was built from; with `isa` it decides the bits of results. */
  get build(): string {
    return addon.engine(this.#number).build;
  }

  /**
   * The implementations that have run since the process began, as in `conv2d_fprop avx512:blocked`: together with `isa` and
   * `build` they tell which code made a result.
   */
  get usedImplementations(): readonly string[] {
    return native(() => addon.usedImplementations());
  }

  /** Of the processor that compute; 1 for a GPU. */
  get threads(): number {
    return addon.engine(this.#number).threads;
  }

  /** Uses so many threads from now on, on the processor; results do not depend on it. @throws ArgumentError below 1 */
  setThreads(threads: number): void {
    native(() => addon.setThreads(threads, this.#number));
  }

  /** How exact the operations are that this thread calls; part of what decides the bits of results. */
  get precision(): Precision {
    return addon.engine(this.#number).precision;
  }

  /**
   * Applies to every operation that this thread calls from now on. Backward keeps the precision of its forward pass, a
   * capture that of its recording. Kernel problems say it (`strict=1` in errors and in the verbose log).
   *
   * @throws ArgumentError when it is neither 'default' nor 'strict'
   */
  setPrecision(precision: Precision): void {
    native(() => addon.setPrecision(precision));
  }

  /** Resolves when everything enqueued so far has run; rejects with the first error since the last call. */
  async synchronize(): Promise<void> {
    await addon.synchronize(this.#number).catch(rethrow);
  }

  /** As `synchronize()`, but blocks the event loop. */
  synchronizeSync(): void {
    native(() => addon.synchronizeSync(this.#number));
  }

  /** Resolves when the queue has room for a step's worth of work, so that the calls of a step do not block. */
  async ready(): Promise<void> {
    await addon.ready(this.#number).catch(rethrow);
  }

  toString(): string {
    return `${this.kind} (${this.description})`;
  }
}

const cpu = new Device('cpu');
let cuda: Device | undefined;
let current = cpu;
let toldOfFallback = false;

/**
 * The device of a kind; without one, the device in use (see `useDevice`). `auto` is a GPU where there is one, else the
 * processor, and says so once on stderr.
 *
 * @throws DeviceError when it is not there, with the reason
 */
export function device(kind?: DeviceKind): Device {
  if (kind === undefined) return current;
  if (kind === 'cpu') return cpu;
  if (kind !== 'cuda' && kind !== 'auto') {
    throw new DeviceError(`Expected 'auto', 'cpu' or 'cuda' as a device, got '${String(kind)}'.`);
  }
  if (cuda !== undefined) return cuda;
  try {
    const found = new Device('cuda');
    void found.isa; // opens it
    cuda = found;
    return cuda;
  } catch (error) {
    const { message } = fromNative(error);
    if (kind === 'cuda') throw new DeviceError(`Expected a CUDA device, but found none: ${message}`);
    if (!toldOfFallback) {
      toldOfFallback = true;
      process.stderr.write(`lapidary: using the ${cpu}: ${message}.\n`);
    }
    return cpu;
  }
}

/**
 * Makes tensors on that device from now on in this thread, unless a call names another one. Every operation runs where its
 * inputs lie; they must all lie on one device.
 *
 * @throws DeviceError when it is not there, with the reason; CaptureError inside a capture
 */
export function useDevice(kind: DeviceKind): Device {
  const chosen = device(kind);
  native(() => addon.useDevice(numbers[chosen.kind]));
  current = chosen;
  return chosen;
}

/** Runs `make` with another device in use, if one is given. @internal */
export function onDevice<T>(kind: DeviceKind | undefined, make: () => T): T {
  if (kind === undefined || device(kind) === current) return make();
  const before = current.kind;
  useDevice(kind);
  try {
    return make();
  } finally {
    useDevice(before);
  }
}

/** Counters of the memory of the device in use, in bytes, and of live tensors. */
export function memory(): MemoryCounters {
  return addon.memory();
}

/** Starts a new measurement of `memory().peak`. */
export function resetPeakMemory(): void {
  addon.resetPeak();
}

/** The most bytes the device may use; beyond it `OutOfMemoryError` is thrown. @throws ArgumentError */
export function setMemoryLimit(bytes: number): void {
  native(() => addon.setMemoryLimit(bytes));
}

/** Gives memory that is kept for reuse back to the system; waits for the stream first. */
export function emptyMemoryCache(): void {
  native(() => addon.emptyCache());
}

function rethrow(error: unknown): never {
  throw fromNative(error);
}
