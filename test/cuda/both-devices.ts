/** The same work on the processor and on the CUDA device, compared by the norm rule of architecture section 10. */
import { expect } from 'vitest';
import * as L from '../../lib/index.js';
import { norm } from '../fixtures/norm-rule.js';

export type HostValues = ReadonlyMap<string, Float32Array>;

/** Runs `work` on both devices, in precision `strict`: then neither uses an algorithm of larger error than plain sums. */
export async function onBothDevices(
  work: () => Promise<HostValues>,
): Promise<{ cpu: HostValues; cuda: HostValues }> {
  const results: HostValues[] = [];
  for (const kind of ['cpu', 'cuda'] as const) {
    const device = L.useDevice(kind);
    device.setPrecision('strict');
    try {
      results.push(await work());
      await device.synchronize();
    } finally {
      device.setPrecision('default');
    }
  }
  return { cpu: results[0]!, cuda: results[1]! };
}

/** `|| a - b || / || b ||`; b may be 0 only where a is. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  const difference = norm(a.map((value, index) => value - b[index]!));
  return difference === 0 ? 0 : difference / norm(b);
}

/** Every value of CUDA's run is within `limit` of the CPU's, in norm. */
export function expectEqualNorms(
  { cpu, cuda }: { cpu: HostValues; cuda: HostValues },
  limit: (name: string) => number,
): void {
  expect([...cuda.keys()]).toEqual([...cpu.keys()]);
  const broken: string[] = [];
  for (const [name, wanted] of cpu) {
    const error = relativeError(cuda.get(name)!, wanted);
    if (!(error <= limit(name))) broken.push(`${name}: ${error}, limit ${limit(name)}`);
  }
  expect(broken).toEqual([]);
}
