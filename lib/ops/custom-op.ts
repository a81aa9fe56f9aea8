/** Operations written in TypeScript, with a backward function of their own. */

import { ArgumentError } from '../errors.js';
import type { Handle } from '../native.js';
import { addon } from '../native-addon.js';
import { handleOf, native } from '../resource.js';
import { isRecording, noGrad, scope } from '../scope.js';
import { type AnyTensor, Tensor, wrap } from '../tensor.js';
import { detach } from './layout.js';

/** What `forward` may ask for. */
export interface CustomForward {
  /** Keeps tensors for backward, in this order. Changing one in place makes backward throw `StaleTensorError`. */
  save(...tensors: readonly AnyTensor[]): void;
}

/** What `backward` gets. All tensors in it are released when it returns. */
export interface CustomBackward {
  /** d loss / d output, one for each output; null when none arrived. */
  readonly gradients: readonly (Tensor | null)[];
  /** What `forward` saved. Cast a tensor of labels or masks to its type: `saved[0] as Tensor<'i32'>`. */
  readonly saved: readonly Tensor[];
  /** For each input, whether its gradient is wanted; others may be left null. */
  readonly needs: readonly boolean[];
}

export interface CustomOpDefinition<Inputs extends readonly AnyTensor[], Outputs> {
  /** Errors name it. */
  readonly name: string;
  /** Computes the output, a tensor or a list of them. Nothing in it is recorded for backward. */
  readonly forward: (context: CustomForward, ...inputs: Inputs) => Outputs;
  /** The gradients of the inputs, in their order, of their shapes; null: none. Recorded is only what `enableGrad` runs. */
  readonly backward: (context: CustomBackward) => readonly (Tensor | null)[];
}

type CustomOutputs = Tensor | readonly Tensor[];

/**
 * An operation from a forward and a backward function. It can be used like any other: in `backward` and `grad`, with
 * `retain`, in scopes, inside other custom operations, in `capture` (both functions run once, their work is replayed).
 *
 * Give tensors from forward to backward by `save`: what a closure holds is not checked for changes, and not released
 * before the graph is.
 *
 * An error thrown by `backward` comes out of the `backward()` or `grad()` that walked the tape: no `.grad` has changed,
 * and what is behind this operation on the tape is still there. Without `retain`, what was walked already is freed.
 *
 * @returns a function of the tensors. It throws what `forward` throws
 * @throws ArgumentError without a name. Backward throws ArgumentError, ShapeError when it returns other gradients
 */
export function customOp<const Inputs extends readonly AnyTensor[], const Outputs extends CustomOutputs>(
  definition: CustomOpDefinition<Inputs, Outputs>,
): (...inputs: Inputs) => Outputs {
  const { name, forward, backward } = definition;
  if (typeof name !== 'string' || name === '') {
    throw new ArgumentError('Expected a name for the custom op, got none; errors name the op by it.');
  }
  return (...inputs) => {
    const recording = isRecording();
    return scope(() => {
      const saved: AnyTensor[] = [];
      const result = noGrad(() => forward({ save: (...tensors) => saved.push(...tensors) }, ...inputs));
      const outputs = outputsOf(name, result);
      const made = recording
        ? record(name, backward, inputs, saved, outputs)
        : outputs.map((output) => (inputs.includes(output) ? detach(output) : output));
      return (result instanceof Tensor ? made[0]! : made) as Outputs;
    });
  };
}

function record(
  name: string,
  backward: (context: CustomBackward) => readonly (Tensor | null)[],
  inputs: readonly AnyTensor[],
  saved: readonly AnyTensor[],
  outputs: readonly Tensor[],
): Tensor[] {
  const dtypes = saved.map(({ dtype }) => dtype);
  const handles = native(() =>
    addon.recordCustom(
      name,
      Float64Array.from(inputs, handleOf),
      Float64Array.from(saved, handleOf),
      Float64Array.from(outputs, handleOf),
      (gradients, kept, needs) =>
        scope(() => {
          const context = {
            gradients: gradients.map((handle) => (handle === 0 ? null : wrap(handle, 'f32'))),
            // Typed as f32 for the common case; the tensors themselves know better.
            saved: kept.map((handle, index) => wrap(handle, dtypes[index]!)) as Tensor[],
            needs,
          };
          return handlesOf(
            name,
            noGrad(() => backward(context)),
          );
        }),
    ),
  );
  return handles.map((handle) => wrap(handle, 'f32'));
}

function outputsOf(name: string, result: unknown): readonly Tensor[] {
  const outputs: readonly unknown[] = Array.isArray(result) ? result : [result];
  for (const output of outputs) {
    if (output instanceof Tensor && output.dtype === 'f32') continue;
    const came = output instanceof Tensor ? `one of ${output.dtype}` : typeOf(output);
    throw new ArgumentError(
      `[${name}] Expected forward to return a tensor of f32 or a list of them, got ${came}.`,
    );
  }
  return outputs as readonly Tensor[];
}

/** Handles that the addon takes over, so that the same tensor may be returned twice. */
function handlesOf(name: string, gradients: unknown): Float64Array {
  const valid =
    Array.isArray(gradients) && gradients.every((each) => each === null || each instanceof Tensor);
  if (!valid) {
    throw new ArgumentError(
      `[${name}] Expected backward to return a list of tensors and nulls, got ${typeOf(gradients)}; it must be synchronous.`,
    );
  }
  const list = gradients as readonly (Tensor | null)[];
  const live: Handle[] = list.map((each) => (each === null ? 0 : handleOf(each)));
  return Float64Array.from(live, (handle) => (handle === 0 ? 0 : native(() => addon.alias(handle))));
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list with something else in it';
  return value instanceof Promise ? 'a promise' : value === null ? 'null' : typeof value;
}
