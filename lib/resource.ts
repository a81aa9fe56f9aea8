/**
 * What owns a native handle: tensors and pending normalisations. A resource releases its handle once: by `dispose()`,
 * by the scope it belongs to, or, as a net for leaks, when the garbage collector finds it.
 */

import { DisposedError, fromNative } from './errors.js';
import type { Handle } from './native.js';
import { addon } from './native-addon.js';

/** What a finalizer needs to know; it must not refer to the resource itself. */
interface Lease {
  handle: Handle;
  readonly madeAt: string | undefined;
}

/** The resources of one scope. */
export type Owner = Set<Resource>;

/** Debug mode remembers where tensors are made and operations are called. */
export const debug = process.env.LAPIDARY_DEBUG === '1';

const leaks = new FinalizationRegistry<Lease>((lease) => {
  if (lease.handle === 0) return;
  addon.release(lease.handle);
  if (lease.madeAt !== undefined) {
    process.stderr.write(`lapidary: a tensor was never disposed; it was made\n${lease.madeAt}\n`);
  }
});

/** The native handle. Throws `DisposedError`. */
export let handleOf: (resource: Resource) => Handle;
/** The native handle, which the caller now owns: the resource counts as disposed. */
export let takeHandle: (resource: Resource) => Handle;
/** Makes `owner` the one that releases the resource; null: whoever holds it. */
export let moveTo: (resource: Resource, owner: Owner | null) => void;
export let ownerOf: (resource: Resource) => Owner | null;
/** Releases the resource's handle and gives it another. */
export let repoint: (resource: Resource, handle: Handle) => void;

/** Base of everything that holds device memory. */
export abstract class Resource {
  #handle: Handle;
  #owner: Owner | null = null;
  /** Set while nothing but the garbage collector would release the handle. */
  #lease: Lease | null = null;
  readonly #madeAt: string | undefined;

  /** @internal */
  protected constructor(handle: Handle, owner: Owner | null) {
    this.#handle = handle;
    this.#madeAt = debug ? callSite(new.target) : undefined;
    this.#moveTo(owner);
  }

  /** Whether the memory was given back; every use but this one then throws `DisposedError`. */
  get disposed(): boolean {
    return this.#handle === 0;
  }

  /** Gives the memory back at once. A second call does nothing. */
  dispose(): void {
    if (this.#handle !== 0) addon.release(this.#forget());
  }

  /** `using t = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Empties this resource without releasing what it held. */
  #forget(): Handle {
    const handle = this.#handle;
    this.#handle = 0;
    this.#owner?.delete(this);
    this.#owner = null;
    this.#endLease();
    return handle;
  }

  #moveTo(owner: Owner | null): void {
    this.#owner?.delete(this);
    this.#owner = owner;
    if (owner !== null) {
      this.#endLease();
      owner.add(this);
    } else if (this.#lease === null) {
      this.#lease = { handle: this.#handle, madeAt: this.#madeAt };
      leaks.register(this, this.#lease, this.#lease);
    }
  }

  #endLease(): void {
    if (this.#lease === null) return;
    leaks.unregister(this.#lease);
    this.#lease = null;
  }

  #repoint(handle: Handle): void {
    addon.release(this.#handle);
    this.#handle = handle;
    if (this.#lease !== null) this.#lease.handle = handle;
  }

  static {
    handleOf = (resource) => {
      if (resource.#handle === 0) throw disposedError();
      return resource.#handle;
    };
    takeHandle = (resource) => {
      if (resource.#handle === 0) throw disposedError();
      return resource.#forget();
    };
    moveTo = (resource, owner) => {
      if (resource.#handle !== 0 && resource.#owner !== owner) resource.#moveTo(owner);
    };
    ownerOf = (resource) => resource.#owner;
    repoint = (resource, handle) => resource.#repoint(handle);
  }
}

/** Runs a call into the addon and throws its errors as lapidary's. */
export function native<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

function disposedError(): DisposedError {
  return new DisposedError(
    'Expected a live tensor, but this one was disposed, by dispose() or at the end of its scope; ' +
      'return it from the scope or keep() it to use it later.',
  );
}

function callSite(above: typeof Resource): string | undefined {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, above);
  return trace.stack?.split('\n').slice(1).join('\n');
}
