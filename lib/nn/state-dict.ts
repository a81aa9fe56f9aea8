/** Loading named tensors into others. */

import type { DType } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import type { HostTensor } from '../io/host-tensor.js';
import { assign } from '../ops/layout.js';
import { noGrad } from '../scope.js';
import { Tensor } from '../tensor.js';

/** Tensors by name, on the device or in the host's memory. */
export type StateSource = ReadonlyMap<string, HostTensor | Tensor<DType>>;

/**
 * Overwrites each target with the source of its name, after checking that all of them fit.
 *
 * @param what whose tensors they are, for the message
 * @throws ArgumentError when names are missing or unexpected; ShapeError, DTypeError when a tensor does not fit
 */
export function loadState(
  targets: ReadonlyMap<string, Tensor<DType>>,
  sources: StateSource,
  what: string,
): void {
  const missing = [...targets.keys()].filter((name) => !sources.has(name));
  const unexpected = [...sources.keys()].filter((name) => !targets.has(name));
  if (missing.length > 0 || unexpected.length > 0) {
    const parts = [
      missing.length > 0 ? `missing: ${listed(missing)}` : '',
      unexpected.length > 0 ? `unexpected: ${listed(unexpected)}` : '',
    ];
    throw new ArgumentError(
      `Expected the ${targets.size} tensors of ${what}, but the state differs (${parts.filter(Boolean).join('; ')}); ` +
        'was it saved from another model, or another pruning of it?',
    );
  }
  for (const [name, target] of targets) {
    const source = sources.get(name)!;
    if (
      source.shape.length !== target.rank ||
      target.shape.some((extent, axis) => extent !== source.shape[axis])
    ) {
      throw new ShapeError(
        `Expected shape [${target.shape.join(', ')}] for ${name} of ${what}, got [${source.shape.join(', ')}].`,
      );
    }
    if (source.dtype !== target.dtype) {
      throw new DTypeError(`Expected ${target.dtype} for ${name} of ${what}, got ${source.dtype}.`);
    }
  }
  noGrad(() => {
    for (const [name, target] of targets) {
      const source = sources.get(name)!;
      if (source instanceof Tensor) assign(target, source);
      else target.write(source.data);
    }
  });
}

/** The first few names, and how many more there are. */
export function listed(names: readonly string[], separator = ', '): string {
  const shown = names.slice(0, 8).join(separator);
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
