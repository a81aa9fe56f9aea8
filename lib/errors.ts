/**
 * The errors of lapidary: one base class, one subclass for each kind of fault, each with a fixed `code`.
 *
 * A message is a sentence that says what was expected, what came, and what to do.
 */

/** Base of every error that lapidary throws on purpose. `code` never changes; the wording of `message` may. */
export class LapidaryError extends Error {
  readonly code: string = 'ERR_LAPIDARY';

  // On the prototype, not on the instance: V8 writes the first line of `stack` before a constructor body runs.
  override get name(): string {
    return this.constructor.name;
  }
}

/** A tensor's shape, or two shapes together, do not fit the operation. */
export class ShapeError extends LapidaryError {
  override readonly code = 'ERR_SHAPE';
}

/** A tensor's element type does not fit the operation. */
export class DTypeError extends LapidaryError {
  override readonly code = 'ERR_DTYPE';
}

/** The device asked for is not there, or tensors of several devices were mixed. */
export class DeviceError extends LapidaryError {
  override readonly code = 'ERR_DEVICE';
}

/** A tensor, module or file was used after it was disposed. */
export class DisposedError extends LapidaryError {
  override readonly code = 'ERR_DISPOSED';
}

/** Backward needs a saved tensor that has been overwritten since. */
export class StaleTensorError extends LapidaryError {
  override readonly code = 'ERR_STALE';
}

/** The device's memory limit would be exceeded. */
export class OutOfMemoryError extends LapidaryError {
  override readonly code = 'ERR_OUT_OF_MEMORY';
}

/** An argument other than a shape or an element type is wrong. */
export class ArgumentError extends LapidaryError {
  override readonly code = 'ERR_ARGUMENT';
}

/** An index, a label or an axis lies outside its range. */
export class IndexRangeError extends LapidaryError {
  override readonly code = 'ERR_INDEX';
}

/** A NaN or an infinity turned up where only finite numbers make sense. */
export class NonFiniteError extends LapidaryError {
  override readonly code = 'ERR_NON_FINITE';
}

/** A file's content is not what its format demands. */
export class FileFormatError extends LapidaryError {
  override readonly code = 'ERR_FILE_FORMAT';
}

/** The file system refused: no such file, no permission, disk full. `cause` is the system's own error. */
export class FileSystemError extends LapidaryError {
  override readonly code = 'ERR_FILE_SYSTEM';

  /**
   * Wraps an error of `node:fs`.
   *
   * @param error what `node:fs` threw; an error that is not the file system's is returned as it is
   * @param action what was being done, as in "write" or "rename"
   * @param path the file or folder it was done to
   */
  static from(error: unknown, action: string, path: string): unknown {
    if (!isSystemError(error)) return error;
    const advice = ADVICE[error.code] ?? 'check the path and the disk';
    return new FileSystemError(`Could not ${action} ${path} (${error.code}): ${advice}.`, { cause: error });
  }

  /** Runs `work` and throws what the file system throws in it as a `FileSystemError`. Arguments as of `from`. */
  static async during<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw FileSystemError.from(error, action, path);
    }
  }
}

/** A file could not be fetched from a server, or is not the one that was expected. */
export class DownloadError extends LapidaryError {
  override readonly code = 'ERR_DOWNLOAD';
}

/** A configuration file or a `--set` override is wrong. */
export class ConfigError extends LapidaryError {
  override readonly code = 'ERR_CONFIG';
}

/** A checkpoint is damaged, incomplete, or of a version this build cannot read. */
export class CheckpointError extends LapidaryError {
  override readonly code = 'ERR_CHECKPOINT';
}

/** The data set is not the one that the run began with. */
export class DataChangedError extends LapidaryError {
  override readonly code = 'ERR_DATA_CHANGED';
}

/** Trials of a study failed; the others went on. */
export class TrialsFailedError extends LapidaryError {
  override readonly code = 'ERR_TRIALS_FAILED';
}

/** A kernel computes other values than its reference, other bits than before, or nothing that could be compared. */
export class VerificationError extends LapidaryError {
  override readonly code = 'ERR_VERIFICATION';
}

/** The request makes sense, but this build, backend or device cannot do it. */
export class UnsupportedError extends LapidaryError {
  override readonly code = 'ERR_UNSUPPORTED';
}

/** Something cannot be recorded by `capture()`, as a replay could not repeat it. */
export class CaptureError extends LapidaryError {
  override readonly code = 'ERR_CAPTURE';
}

/** Work was stopped by an `AbortSignal` or a signal of the system. */
export class AbortedError extends LapidaryError {
  override readonly code = 'ERR_ABORTED';
  /** Whether a checkpoint was written, so that `--resume` continues from here (exit code 75). */
  readonly resumable: boolean;

  constructor(message: string, options: ErrorOptions & { resumable?: boolean } = {}) {
    super(message, options);
    this.resumable = options.resumable ?? false;
  }
}

/** A fault in lapidary itself. */
export class InternalError extends LapidaryError {
  override readonly code = 'ERR_INTERNAL';
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'your disk quota is used up; free some space or choose another folder',
  EFBIG: 'the file would exceed the size limit; raise it (ulimit -f) or choose another file system',
  ENOENT: 'there is no such file or folder; check the path',
  EEXIST: 'it exists already; choose another path or remove it',
  ENOTEMPTY: 'the folder is not empty; choose another path or remove it',
  ENOTDIR: 'a part of the path is a file, not a folder; check the path',
  EISDIR: 'a file was expected but this is a folder; check the path',
  EACCES: 'permission was denied; check the owner and mode',
  EPERM: 'the operation is not permitted; check the owner and mode',
  EROFS: 'the file system is read-only; choose another folder',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  EIO: 'the disk or the network file system failed; check the system log',
};

const NATIVE_CLASSES = [
  ShapeError,
  DTypeError,
  DeviceError,
  DisposedError,
  StaleTensorError,
  OutOfMemoryError,
  ArgumentError,
  IndexRangeError,
  NonFiniteError,
  FileFormatError,
  FileSystemError,
  DownloadError,
  ConfigError,
  CheckpointError,
  DataChangedError,
  TrialsFailedError,
  VerificationError,
  UnsupportedError,
  CaptureError,
  AbortedError,
  InternalError,
];

const CLASS_BY_CODE: ReadonlyMap<string, new (message: string) => LapidaryError> = new Map(
  NATIVE_CLASSES.map((NativeClass) => [new NativeClass('').code, NativeClass]),
);

/**
 * Maps an error thrown by the addon, a plain `Error` with a `code`, to its class.
 *
 * The message is kept. The stack is that of the JavaScript call: the frames the addon's error carries, or, when it
 * was made on a thread without JavaScript frames, those of the caller of `fromNative`.
 * An error with a foreign code is returned as it is; a thrown value that is no `Error` becomes an `InternalError`.
 */
export function fromNative(error: unknown): Error {
  if (error instanceof LapidaryError) return error;
  if (!(error instanceof Error)) {
    return new InternalError(
      `The addon threw ${String(error)} where an Error was expected; please report this with the call that caused it.`,
    );
  }
  const NativeClass = CLASS_BY_CODE.get(codeOf(error) ?? '');
  if (NativeClass === undefined) return error;

  const mapped = new NativeClass(error.message);
  const callFrames = stackFrames(error);
  if (callFrames === '') Error.captureStackTrace(mapped, fromNative);
  else mapped.stack = `${mapped.name}: ${mapped.message}\n${callFrames}`;
  return mapped;
}

/** Whether an error comes from the system (`node:fs` and the like), with an `errno` and a code such as `ENOSPC`. */
export function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && codeOf(error) !== undefined && 'syscall' in error;
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function stackFrames(error: Error): string {
  const stack = error.stack ?? '';
  const start = stack.search(/^ {4}at /m);
  return start < 0 ? '' : stack.slice(start);
}
