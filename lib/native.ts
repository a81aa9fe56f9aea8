/**
 * The addon's interface: the one internal type file for native/bindings. Nothing here is public; lib/tensor.ts and
 * lib/ops/ are the only callers of `run`.
 *
 * A handle is index + generation in one number (exact in a double); 0 means "no tensor". Every call is checked natively
 * and throws an Error with `code` (see lib/errors.ts `fromNative`).
 */

export type Handle = number;
export type HostArray = Float32Array | Int32Array | Uint8Array;

/** One row of native/ops/table.cpp. */
export interface OpRow {
  readonly name: string;
  /** Names of the packed int32 arguments; a last name starting with `...` takes any number. */
  readonly ints: readonly string[];
  /** Names of the float64 arguments. */
  readonly scalars: readonly string[];
  /** Names of the tensor inputs; `name?` may be 0, a last name starting with `...` takes any number. */
  readonly inputs: readonly string[];
  readonly outputs: number;
  /** Inputs (by name) whose storage this op changes. */
  readonly mutates: readonly string[];
  /** Names of the values of the int `kind`, in their order. */
  readonly kinds: readonly string[];
}

export interface TensorInfo {
  readonly shape: number[];
  readonly dtype: number;
  readonly device: 'cpu' | 'cuda';
  readonly requiresGrad: boolean;
  /** True for a tensor recorded on the tape by an op (not a leaf). */
  readonly recorded: boolean;
  /** True for a convolution output whose normalisation is pending (see `Normed`). */
  readonly normed: boolean;
  readonly version: number;
}

export interface MemoryCounters {
  /** Bytes in live tensors and saved tensors. */
  readonly active: number;
  readonly peak: number;
  /** Bytes kept for reuse. */
  readonly cached: number;
  /** Bytes of packed filters. */
  readonly packed: number;
  readonly limit: number;
  /** Handles that this environment holds. */
  readonly liveTensors: number;
}

export interface KernelOperand {
  readonly name: string;
  readonly dtype: 'f32' | 'i32' | 'u8';
  readonly count: number;
  readonly role: 'in' | 'out' | 'inout';
}

export interface KernelProblem {
  /** The problem as errors and the verbose log print it. */
  readonly text: string;
  /** 0: this kernel does not count them. */
  readonly flops: number;
  /** Every operand once, one that is changed twice. */
  readonly bytes: number;
}

export interface KernelTimes {
  /** Milliseconds that packing the filter took; 0: there was none to pack. */
  readonly packMs: number;
  /** Milliseconds of each run. */
  readonly runs: Float64Array;
}

export interface KernelImplementation {
  readonly isa: string;
  readonly name: string;
  /** Empty when the problem is accepted, else why not. */
  readonly refusal: string;
  /** Bytes of device memory that it says it loads and stores; each operand once where it says nothing. */
  readonly traffic: number;
}

export interface EngineInfo {
  /** `cpu` or `cuda`. */
  readonly device: 'cpu' | 'cuda';
  /** In words. */
  readonly description: string;
  readonly isa: string;
  /** Of this processor. */
  readonly isas: string[];
  readonly threads: number;
  /** Of this environment. */
  readonly precision: 'default' | 'strict';
  readonly build: string;
  readonly queueLimit: number;
  readonly stagingLimit: number;
}

/**
 * What there is of CUDA. Where something is missing, `problem` (of driver and devices) or `imageProblem` says what, and what it
 * keeps from being known is empty.
 */
export interface CudaSurvey {
  /** The driver's library. */
  readonly driver: string;
  /** The CUDA version it supports: 13000 is 13.0. */
  readonly driverVersion: number;
  readonly devices: readonly {
    readonly name: string;
    readonly major: number;
    readonly minor: number;
    readonly multiprocessors: number;
    readonly bytes: number;
  }[];
  readonly problem: string;
  /** The kernel image's path. */
  readonly image: string;
  /** What the image has code for: `sm_80`, `compute_80`. */
  readonly architectures: readonly string[];
  /** The version of the PTX language that its PTX is written in: `9.0`; empty: it has none. */
  readonly ptx: string;
  readonly imageProblem: string;
}

export interface CaptureInfo {
  readonly id: number;
  readonly tasks: number;
  /** Memory that is set apart for it. */
  readonly bytes: number;
}

/** Times are milliseconds since the profile began. */
export interface ProfileData {
  /** Each different task once. */
  readonly tasks: readonly {
    readonly name: string;
    readonly problem: string;
    readonly implementation: string;
    readonly bytes: number;
    readonly flops: number;
  }[];
  /** For each run of a task: its index in `tasks`, when it was enqueued, its start and end. */
  readonly runs: Float64Array;
  readonly callNames: readonly string[];
  /** For each call: its start and end. */
  readonly calls: Float64Array;
}

export interface NativeAddon {
  opTable(): OpRow[];
  /** flags: 1 = record on the tape. Returns one handle, or a list when the row has several (or no) outputs. */
  run(
    op: number,
    flags: number,
    ints: Int32Array,
    scalars: Float64Array,
    inputs: Float64Array,
  ): Handle | Handle[];

  /** Copies the array at the call. Its element type must be that of dtype (0 f32, 1 i32, 2 u8). */
  fromHost(data: HostArray, dtype: number, shape: Int32Array): Handle;
  /** Overwrites a tensor; copies the array at the call; bumps the version. */
  write(tensor: Handle, data: HostArray): void;
  toHost(tensor: Handle): Promise<HostArray>;
  toHostSync(tensor: Handle): HostArray;

  release(tensor: Handle): void;
  /** A second handle to the same tensor (same node, same storage). */
  alias(tensor: Handle): Handle;
  info(tensor: Handle): TensorInfo;

  setRequiresGrad(tensor: Handle, value: boolean): void;
  /** The accumulated gradient of a leaf as a new handle, or 0. */
  gradOf(tensor: Handle): Handle;
  /** 0 clears. */
  setGrad(tensor: Handle, gradient: Handle): void;
  /** Adds gradients into every leaf that requires one. seed 0: ones, for a one-element y. */
  backward(y: Handle, seed: Handle, retain: boolean): void;
  /** Gradients of y with respect to xs; 0 where y does not depend on x. */
  grad(y: Handle, xs: Float64Array, seed: Handle, retain: boolean): Handle[];

  /**
   * A node whose backward function is JavaScript's: it gets handles that it owns, of the gradients (0: none arrived) and
   * of the saved tensors, and which inputs need one; it gives handles away, one for each input or 0. Returns the outputs.
   */
  recordCustom(
    name: string,
    inputs: Float64Array,
    saved: Float64Array,
    outputs: Float64Array,
    backward: (gradients: Handle[], saved: Handle[], needs: boolean[]) => Float64Array,
  ): Handle[];

  /** From here on the tasks of this environment are recorded. */
  beginCapture(): void;
  /** Stops and goes on recording; returns how many tasks are recorded. */
  pauseCapture(pause: boolean): number;
  endCapture(): CaptureInfo;
  abandonCapture(): void;
  /** Enqueues the recorded tasks `first` to `last - 1`. */
  replay(capture: number, first: number, last: number): void;
  releaseCapture(capture: number): void;

  beginProfile(): void;
  endProfile(): ProfileData;

  /** SIGTERM, SIGINT and SIGUSR1 raise a flag from here on; clears it. For the whole process. */
  installSignalHandlers(): void;
  removeSignalHandlers(): void;
  /** The name of the first signal that came; empty: none. */
  receivedSignal(): string;

  // A device is a number: 0 the CPU, 1 CUDA; undefined is the one in use.
  /** Where this environment's calls make tensors from now on; returns the former. */
  useDevice(device: number): number;
  cudaSurvey(): CudaSurvey;

  /** slot 0..31: a scalar; -1: the Philox step; -2: the Philox epoch. Takes effect in stream order. */
  setStepBlock(slot: number, value: number, device?: number): void;

  /** Resolves when everything enqueued so far has run; rejects with this environment's first error since the last call. */
  synchronize(device?: number): Promise<void>;
  synchronizeSync(device?: number): void;
  /** Resolves when the queue has room for a step's worth of tasks. */
  ready(device?: number): Promise<void>;

  memory(device?: number): MemoryCounters;
  resetPeak(device?: number): void;
  setMemoryLimit(bytes: number, device?: number): void;
  /** Gives cached blocks back to the system (waits for the stream first). */
  emptyCache(device?: number): void;
  setThreads(threads: number, device?: number): void;
  engine(device?: number): EngineInfo;
  /** What launches have chosen since the process began, in the order of the kernels: 'kernel isa:implementation'. */
  usedImplementations(): string[];
  /** 'avx2', 'avx2:ref', ':ref', or '' for the ordinary choice; applies to calls from this environment. Returns the former. */
  forceImplementation(choice: string): string;
  /** 'default' or 'strict'; applies to calls from this environment. */
  setPrecision(precision: string): void;
  /** CSV line per kernel on stderr (LAPIDARY_VERBOSE=1 sets it at load). */
  setVerbose(value: boolean): void;
  /** Debug mode: the JavaScript stack that faults of the next calls will carry. */
  setCallSite(stack: string): void;

  /** For tests and bench: one kernel on host arrays, in place, synchronously. See test/kernels/harness.ts. */
  runKernel(
    kernel: string,
    problem: string,
    implementation: string,
    operands: (Float32Array | Float64Array | Int32Array | Uint8Array | null)[],
  ): void;
  /**
   * For bench: a kernel on copies of the operands that lie as tensors do, with workspace and packed filter made beforehand.
   * At least so many runs and milliseconds, after two to warm up; before each, `coldBytes` are written to empty the caches
   * (0: they stay warm), and operands that the kernel changes get their first values back.
   */
  timeKernel(
    kernel: string,
    problem: string,
    implementation: string,
    operands: (Float32Array | Int32Array | Uint8Array | null)[],
    leastRuns: number,
    leastMs: number,
    coldBytes: number,
  ): KernelTimes;
  /**
   * What a CUDA device in software counted since the last clear, as JSON by kernel function: see lib/bench/counters.ts.
   * ERR_UNSUPPORTED on hardware.
   */
  softwareCounters(): string;
  clearSoftwareCounters(): void;
  kernels(): string[];
  kernelProblem(kernel: string, problem: string): KernelProblem;
  kernelOperands(kernel: string, problem: string): KernelOperand[];
  /** Of the device in use. */
  kernelImplementations(kernel: string, problem: string): KernelImplementation[];
}
