import { describe, expect, it } from 'vitest';
import * as errors from '../lib/errors.js';

function nativeError(code: string, message = 'expected 2 axes, found 3'): Error {
  return Object.assign(new Error(message), { code });
}

const CODES: [string, new (message: string) => errors.LapidaryError][] = [
  ['ERR_SHAPE', errors.ShapeError],
  ['ERR_DTYPE', errors.DTypeError],
  ['ERR_DEVICE', errors.DeviceError],
  ['ERR_DISPOSED', errors.DisposedError],
  ['ERR_STALE', errors.StaleTensorError],
  ['ERR_OUT_OF_MEMORY', errors.OutOfMemoryError],
  ['ERR_ARGUMENT', errors.ArgumentError],
  ['ERR_INDEX', errors.IndexRangeError],
  ['ERR_NON_FINITE', errors.NonFiniteError],
  ['ERR_FILE_FORMAT', errors.FileFormatError],
  ['ERR_FILE_SYSTEM', errors.FileSystemError],
  ['ERR_DOWNLOAD', errors.DownloadError],
  ['ERR_CONFIG', errors.ConfigError],
  ['ERR_CHECKPOINT', errors.CheckpointError],
  ['ERR_DATA_CHANGED', errors.DataChangedError],
  ['ERR_TRIALS_FAILED', errors.TrialsFailedError],
  ['ERR_VERIFICATION', errors.VerificationError],
  ['ERR_UNSUPPORTED', errors.UnsupportedError],
  ['ERR_CAPTURE', errors.CaptureError],
  ['ERR_ABORTED', errors.AbortedError],
  ['ERR_INTERNAL', errors.InternalError],
];

describe('fromNative', () => {
  it.each(CODES)('maps %s to its class', (code, Expected) => {
    const mapped = errors.fromNative(nativeError(code));
    expect(mapped).toBeInstanceOf(Expected);
    expect(mapped).toBeInstanceOf(errors.LapidaryError);
    expect(mapped).toMatchObject({ code, name: Expected.name, message: 'expected 2 axes, found 3' });
  });

  it('covers every class', () => {
    const classes = Object.values(errors).filter((value) => value.prototype instanceof errors.LapidaryError);
    expect(new Set(classes)).toEqual(new Set(CODES.map(([, Class]) => Class)));
  });

  it('keeps the frames of the call', () => {
    function callOfTheUser(): Error {
      return nativeError('ERR_SHAPE');
    }
    const { stack } = errors.fromNative(callOfTheUser());
    expect(stack).toMatch(/^ShapeError: expected 2 axes, found 3\n {4}at .*/);
    expect(stack).toContain('callOfTheUser');
  });

  it('takes the frames of its caller when the addon has none', () => {
    const frameless = nativeError('ERR_INTERNAL');
    frameless.stack = 'Error: expected 2 axes, found 3';
    function awaitedByTheUser(): Error {
      return errors.fromNative(frameless);
    }
    const { stack } = awaitedByTheUser();
    expect(stack).toMatch(/^InternalError: .*\n {4}at awaitedByTheUser/);
  });

  it('leaves other errors as they are, and wraps what is no error', () => {
    const own = new errors.ShapeError('s');
    expect(errors.fromNative(own)).toBe(own);
    const foreign = nativeError('ERR_NAPI');
    expect(errors.fromNative(foreign)).toBe(foreign);
    expect(errors.fromNative('oops')).toMatchObject({
      code: 'ERR_INTERNAL',
      message: expect.stringContaining('oops'),
    });
  });
});

describe('FileSystemError.from', () => {
  it('wraps errors of the system alone', () => {
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
    const wrapped = errors.FileSystemError.from(full, 'write', '/data/x');
    expect(wrapped).toMatchObject({
      code: 'ERR_FILE_SYSTEM',
      cause: full,
      message: expect.stringMatching(/write \/data\/x .*disk is full/),
    });
    const other = new TypeError('x');
    expect(errors.FileSystemError.from(other, 'write', '/data/x')).toBe(other);
  });
});
