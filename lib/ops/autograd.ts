/** Gradients. */

import { ArgumentError } from '../errors.js';
import { addon } from '../native-addon.js';
import { handleOf, native } from '../resource.js';
import { noGrad, scope } from '../scope.js';
import { type Tensor, wrap } from '../tensor.js';
import { assign, clone } from './layout.js';
import { norm2 } from './optimizer.js';

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

export interface HvpOptions<Ys extends readonly Tensor[]> {
  /** The step in the direction of the vector has this 2-norm over all parameters. Default 0.01. */
  readonly step?: number;
  /** Of these tensors the gradient is taken. Default: the parameters themselves. */
  readonly of?: Ys;
}

/**
 * The product of a loss's Hessian with a vector, H v, by a central difference of gradients:
 *
 *     (g(w + e v) - g(w - e v)) / (2 e)   with   e = step / ||v||,
 *
 * g the gradient with respect to `of`. With other tensors than w in `of`, it is the product with the mixed second
 * derivatives, as the second-order step of DARTS needs it (Liu et al., arXiv 1806.09055, equation 8, which takes
 * e = 0.01 / ||v||). For a loss that is smooth on the way, the error is O(e^2) of third derivatives and O(1 / e) of
 * rounding, about 1e-7 |g| ||v|| / step.
 *
 * `loss` is called twice: it must compute the same function of the parameters each time, and what else it changes, such
 * as running statistics, changes twice. The parameters end with the bits that they had, also when it throws; as they
 * were written to, a tape that saved them before is stale. `.grad` is left alone. The host waits for nothing.
 *
 * @param parameters leaves that require gradients
 * @param vectors v, of the shapes of `parameters`; where v is 0 everywhere, H v is 0
 * @returns for each tensor in `of`, its part of the product; null where the loss does not depend on it
 * @throws ArgumentError when the lists differ in length or `step` is not above 0; ShapeError, as `grad`
 */
export function hvp<const Xs extends readonly Tensor[], const Ys extends readonly Tensor[] = Xs>(
  loss: () => Tensor,
  parameters: Xs,
  vectors: readonly Tensor[],
  options?: HvpOptions<Ys>,
): Gradients<Ys, Tensor | null>;
export function hvp(
  loss: () => Tensor,
  parameters: readonly Tensor[],
  vectors: readonly Tensor[],
  { step = 0.01, of = parameters }: HvpOptions<readonly Tensor[]> = {},
): (Tensor | null)[] {
  if (vectors.length !== parameters.length || parameters.length === 0) {
    throw new ArgumentError(
      `Expected one vector for each parameter, got ${vectors.length} for ${parameters.length}.`,
    );
  }
  if (!(step > 0 && Number.isFinite(step))) throw new ArgumentError(`Expected a step above 0, got ${step}.`);
  return scope(() => {
    // At least 1e-30: for v = 0 both gradients are the same, and 0 times a finite number is 0.
    const { norm, saved } = noGrad(() => ({
      norm: norm2(vectors).maximum(1e-30),
      saved: parameters.map(clone),
    }));
    const gradientsAt = (signedStep: number): (Tensor | null)[] => {
      noGrad(() => {
        for (const [i, parameter] of parameters.entries()) {
          assign(parameter, saved[i]!.add(vectors[i]!.div(norm).affine(signedStep, 0)));
        }
      });
      const y = loss();
      return grad(y, of, { allowUnused: true });
    };
    try {
      const ahead = gradientsAt(step);
      const behind = gradientsAt(-step);
      return noGrad(() =>
        ahead.map((plus, i) => {
          const minus = behind[i];
          return plus && minus
            ? plus
                .sub(minus)
                .mul(norm)
                .affine(0.5 / step, 0)
            : null;
        }),
      );
    } finally {
      noGrad(() => {
        for (const [i, parameter] of parameters.entries()) assign(parameter, saved[i]!);
      });
    }
  });
}
