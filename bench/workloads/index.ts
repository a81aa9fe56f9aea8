/** The workloads by name, in the order of the tables. */

import { darts } from './darts.js';
import { pgd10 } from './pgd10.js';
import { resnet18 } from './resnet18.js';
import { resnet20 } from './resnet20.js';
import { resnet152 } from './resnet152.js';
import { simsiam } from './simsiam.js';
import type { Workload } from './workload.js';

export const workloads: ReadonlyMap<string, Workload> = new Map(
  [resnet20, resnet18, darts, pgd10, simsiam, resnet152].map((workload) => [workload.name, workload]),
);

/** @throws RangeError when there is none of that name */
export function workloadNamed(name: string): Workload {
  const workload = workloads.get(name);
  if (workload !== undefined) return workload;
  throw new RangeError(`Expected a workload out of ${[...workloads.keys()].join(', ')}, got '${name}'.`);
}
