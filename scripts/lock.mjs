// One build at a time in one folder, on local and network file systems alike.
//
// A lock is a folder that holds a file `owner`; it appears by renaming a folder that already holds that file, so it is
// never seen half made. Its owner touches the file every second. A lock is stale when its process is dead (same host), and
// with it the process group that it started; or when its file has not changed while somebody watched it for 30 seconds
// (clocks of two hosts are never compared).
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const heartbeatMs = 1_000;
const staleMs = 30_000;
const orphanMs = 600_000;
const pollMs = 100;

function readOwner(lock) {
  try {
    const file = join(lock, 'owner');
    return { ...JSON.parse(readFileSync(file, 'utf8')), beat: statSync(file).mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    if (error instanceof SyntaxError) return { token: 'unreadable', pid: 0, host: '', beat: 0 };
    throw error;
  }
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** Whether a lock, unchanged for `quietMs`, has no living owner any more. */
function isStale(owner, quietMs) {
  if (owner.host !== hostname() || !(owner.pid > 0)) return quietMs > staleMs;
  if (exists(owner.pid)) return quietMs > staleMs;
  // The owner was killed. What it started may still be compiling: let that end (for as long as a build may take).
  return !(owner.group > 0 && exists(-owner.group)) || quietMs > orphanMs;
}

function writeOwner(lock, { token, group = 0 }) {
  writeFileSync(join(lock, 'owner'), JSON.stringify({ token, pid: process.pid, host: hostname(), group }));
}

function tryTake(lock, token) {
  const fresh = `${lock}.${token}`;
  mkdirSync(fresh, { recursive: true });
  writeOwner(fresh, { token });
  try {
    renameSync(fresh, lock); // fails where `lock` stands, since a lock is never empty
    return true;
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes(error.code)) return false;
    throw error;
  }
}

/** Takes a stale lock away, unless its owner has changed since it was found stale. */
function breakStale(lock, token) {
  const guard = `${lock}.breaking`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 2 * staleMs) rmSync(guard, { recursive: true, force: true }); // its maker died in between
    return;
  }
  try {
    if (readOwner(lock)?.token !== token) return;
    const away = `${lock}.${randomUUID()}`;
    renameSync(lock, away);
    rmSync(away, { recursive: true, force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}

/**
 * Runs `work(setGroup)` while holding the lock at path `lock`; `setGroup(id)` records a process group that works on its
 * behalf. `onWait(owner)` is called once when somebody else holds the lock.
 * The lock is given back on success, failure, SIGINT, SIGTERM and SIGHUP.
 */
export async function withLock(lock, work, onWait = () => {}) {
  mkdirSync(dirname(lock), { recursive: true });
  const token = randomUUID();
  let seen = '';
  let seenAt = 0;
  let told = false;
  while (!tryTake(lock, token)) {
    const owner = readOwner(lock);
    if (owner === null) continue;
    const state = `${owner.token} ${owner.beat}`;
    if (state !== seen) {
      seen = state;
      seenAt = performance.now();
    }
    if (isStale(owner, performance.now() - seenAt)) {
      breakStale(lock, owner.token);
    } else if (!told) {
      told = true;
      onWait(owner);
    }
    await sleep(pollMs);
  }

  const release = () => {
    if (readOwner(lock)?.token === token) rmSync(lock, { recursive: true, force: true });
  };
  const beat = setInterval(() => {
    try {
      const now = new Date();
      utimesSync(join(lock, 'owner'), now, now);
    } catch {
      // Somebody removed the build folder under us: the build itself will say so.
    }
  }, heartbeatMs);
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  const handlers = Object.entries(signals).map(([signal, code]) => {
    const handler = () => {
      release();
      process.exit(code);
    };
    process.once(signal, handler);
    return [signal, handler];
  });
  try {
    return await work((group) => writeOwner(lock, { token, group }));
  } finally {
    clearInterval(beat);
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
    release();
  }
}
