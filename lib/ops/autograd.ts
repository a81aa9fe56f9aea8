/** Gradients. */

import { ArgumentError } from '../errors.js';
import { addon } from '../native-addon.js';
import { handleOf, native } from '../resource.js';
import { type Tensor, wrap } from '../tensor.js';

export interface BackwardOptions {
  /** d loss / d y, of y's shape. Default: 1, for a y of one element. */
  readonly seed?: Tensor;
  /** Keep the graph for another backward. Default false: it is freed. */
  readonly retain?: boolean;
}

/**
 * Adds d y / d leaf into `.grad` of every leaf that requires it.
 *
 * @throws ArgumentError when y depends on none, or its graph is freed; ShapeError without a seed for several elements
 * @throws StaleTensorError when a tensor that backward needs has been overwritten
 */
export function backward(y: Tensor, options?: BackwardOptions): void {
  const seed = options?.seed === undefined ? 0 : handleOf(options.seed);
  native(() => addon.backward(handleOf(y), seed, options?.retain ?? false));
}

/** For each tensor of a list, its gradient. */
export type Gradients<Xs extends readonly Tensor[], G> = { -readonly [I in keyof Xs]: G };

/**
 * The gradients of y with respect to `xs`, and nothing else: `.grad` is left alone, and what does not lead to `xs` is
 * not computed.
 *
 * @throws ArgumentError when y does not depend on one of them, unless `allowUnused` is set: its gradient is then null
 * @throws as `backward`
 */
export function grad<const Xs extends readonly Tensor[]>(
  y: Tensor,
  xs: Xs,
  options?: BackwardOptions & { readonly allowUnused?: false },
): Gradients<Xs, Tensor>;
export function grad<const Xs extends readonly Tensor[]>(
  y: Tensor,
  xs: Xs,
  options: BackwardOptions & { readonly allowUnused: true },
): Gradients<Xs, Tensor | null>;
export function grad(
  y: Tensor,
  xs: readonly Tensor[],
  options?: BackwardOptions & { readonly allowUnused?: boolean },
): (Tensor | null)[] {
  const seed = options?.seed === undefined ? 0 : handleOf(options.seed);
  const inputs = Float64Array.from(xs, handleOf);
  const handles = native(() => addon.grad(handleOf(y), inputs, seed, options?.retain ?? false));
  const gradients = handles.map((handle) => (handle === 0 ? null : wrap(handle, 'f32')));
  const unused = gradients.indexOf(null);
  if (unused >= 0 && options?.allowUnused !== true) {
    for (const gradient of gradients) gradient?.dispose();
    throw new ArgumentError(
      `Expected y to depend on all of xs, but it does not on xs[${unused}]; pass allowUnused: true to get null for it.`,
    );
  }
  return gradients;
}
