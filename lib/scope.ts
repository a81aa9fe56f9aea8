/**
 * Scopes decide how long tensors live; `noGrad` decides what is recorded for backward. Both live in
 * AsyncLocalStorage, so asynchronous flows that interleave do not mix.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import { moveTo, type Owner, Resource } from './resource.js';

interface Scope {
  readonly members: Owner;
  readonly parent: Scope | null;
  open: boolean;
}

interface Context {
  readonly scope: Scope | null;
  readonly recording: boolean;
}

const outermost: Context = { scope: null, recording: true };
const storage = new AsyncLocalStorage<Context>();
const currentContext = (): Context => storage.getStore() ?? outermost;

/** Work that outlives its scope makes its tensors in the nearest one that is still open. */
function nearestOpen(scope: Scope | null): Scope | null {
  let open = scope;
  while (open !== null && !open.open) open = open.parent;
  return open;
}

/** Who releases a tensor that is made now; null: whoever holds it. */
export function currentOwner(): Owner | null {
  return nearestOpen(currentContext().scope)?.members ?? null;
}

/** Whether operations are recorded for backward now. */
export function isRecording(): boolean {
  return currentContext().recording;
}

/**
 * Runs `fn` and releases every tensor made inside it, but those it returns (arrays, plain objects, Maps and Sets are
 * searched) and those given to `keep()`: they go to the enclosing scope, if there is one. An asynchronous `fn` is
 * waited for. When `fn` throws, everything made inside is released.
 *
 * Parameters, buffers, optimiser state and gradients of leaves never belong to a scope.
 *
 * @returns what `fn` returns
 */
export function scope<T>(fn: () => T): T {
  const { scope: parent, recording } = currentContext();
  const inner: Scope = { members: new Set(), parent, open: true };
  let result: T;
  try {
    result = storage.run({ scope: inner, recording }, fn);
  } catch (error) {
    close(inner);
    throw error;
  }
  if (!types.isPromise(result)) {
    close(inner, result);
    return result;
  }
  const settled = result.then(
    (value: unknown) => {
      close(inner, value);
      return value;
    },
    (error: unknown) => {
      close(inner);
      throw error;
    },
  );
  return settled as T;
}

/** Saves every tensor in `value` from the current scope: the enclosing scope owns it now. Returns `value`. */
export function keep<T>(value: T): T {
  const current = nearestOpen(currentContext().scope);
  if (current !== null) hoist(value, current);
  return value;
}

/** Takes every tensor in `value` out of all scopes: the caller disposes it. Returns `value`. */
export function own<T>(value: T): T {
  for (const resource of resourcesIn(value)) moveTo(resource, null);
  return value;
}

/** Runs `fn`, synchronous or not, without recording anything for backward. */
export function noGrad<T>(fn: () => T): T {
  return storage.run({ scope: currentContext().scope, recording: false }, fn);
}

/** Runs `fn`, synchronous or not, recording for backward, also inside `noGrad` and a custom operation's functions. */
export function enableGrad<T>(fn: () => T): T {
  return storage.run({ scope: currentContext().scope, recording: true }, fn);
}

function close(inner: Scope, result?: unknown): void {
  inner.open = false;
  if (inner.members.size === 0) return;
  hoist(result, inner);
  for (const resource of inner.members) resource.dispose();
}

function hoist(value: unknown, from: Scope): void {
  const destination = nearestOpen(from.parent)?.members ?? null;
  for (const resource of resourcesIn(value)) {
    if (from.members.has(resource)) moveTo(resource, destination);
  }
}

/** Every tensor in a value: arrays, plain objects, Maps and Sets are searched. */
export function resourcesIn(
  value: unknown,
  found = new Set<Resource>(),
  seen = new Set<object>(),
): Set<Resource> {
  if (value instanceof Resource) {
    found.add(value);
  } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
    seen.add(value);
    if (Array.isArray(value) || value instanceof Set) {
      for (const element of value) resourcesIn(element, found, seen);
    } else if (value instanceof Map) {
      for (const [key, element] of value) {
        resourcesIn(key, found, seen);
        resourcesIn(element, found, seen);
      }
    } else if (isPlainObject(value)) {
      for (const element of Object.values(value)) resourcesIn(element, found, seen);
    }
  }
  return found;
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
