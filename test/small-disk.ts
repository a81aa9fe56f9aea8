import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small file system in memory. */
export interface SmallDisk {
  readonly path: string;
  /** Gives it another size, as in `16m`. */
  resize(size: string): void;
  unmount(): void;
}

/** Mounts one of `size`, as in `256k`; undefined where this process may not mount. */
export function mountSmallDisk(size: string): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'lapidary-disk-'));
  const mount = (...options: string[]) => execFileSync('mount', options, { stdio: 'ignore' });
  const remove = () => rmSync(path, { recursive: true, force: true });
  try {
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path);
  } catch {
    remove();
    return undefined;
  }
  return {
    path,
    resize: (to) => mount('-o', `remount,size=${to}`, path),
    unmount: () => {
      execFileSync('umount', [path]);
      remove();
    },
  };
}
