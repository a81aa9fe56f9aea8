/** The partial-channel form of `mixedState`. */

import { ShapeError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { add } from './elementwise.js';
import { concat, reshape, slice, transpose } from './layout.js';
import { type MixedEdge, type MixedStateOptions, mixedState } from './mixed-state.js';
import { maxPool2d } from './pool.js';

export interface PartialMixedStateOptions extends MixedStateOptions {
  /** The first 1 / portion of the channels goes through the candidates. Default 4. */
  readonly portion?: number;
}

/**
 * All edges that leave one state x [N, H, W, C], as PC-DARTS mixes them (Xu et al., arXiv 1907.05737, and its code): the
 * first C / portion channels go through the candidates, whose filters are of that many channels; the others bypass them
 * (2 x 2 max-pooled at stride 2); both are concatenated and their channels shuffled in `portion` groups. Weights of edges
 * are the caller's to apply. An addend has all C channels.
 *
 * The bypass is made once a stride, in shuffled order, so an edge costs `mixedState` of its channels and one copy.
 *
 * @throws ShapeError when C is no multiple of `portion`, or a height or width at stride 2 is odd; as `mixedState`
 */
export function partialMixedState(
  x: Tensor,
  edges: readonly MixedEdge[],
  options: PartialMixedStateOptions,
): Tensor[] {
  const { portion = 4, ...rest } = options;
  const strides = edges.map(({ stride }) => stride ?? 1);
  const outputs = throughPart(x, { portion, strides }, (part) =>
    mixedState(
      part,
      edges.map(({ candidates, weights, stride, active }) => ({
        candidates,
        weights,
        ...(stride === undefined ? {} : { stride }),
        ...(active === undefined ? {} : { active }),
      })),
      rest,
    ),
  );
  return outputs.map((output, e) => {
    const addend = edges[e]?.addend;
    return addend ? add(addend, output) : output;
  });
}

/**
 * What `partialMixedState` does around its candidates: `mix` gets the first C / portion channels of x, and gives an output of
 * as many channels for each of the strides; each is joined with what bypasses it, and shuffled.
 *
 * @throws ShapeError as `partialMixedState`
 */
export function throughPart(
  x: Tensor,
  { portion, strides }: { readonly portion: number; readonly strides: readonly (1 | 2)[] },
  mix: (part: Tensor) => readonly Tensor[],
): Tensor[] {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  if (x.shape.length !== 4 || !Number.isInteger(portion) || portion < 1 || channels % portion !== 0) {
    throw new ShapeError(
      `[partialMixedState] Expected x [N, H, W, C] with C a multiple of ${portion}, got [${x.shape.join(', ')}].`,
    );
  }
  if ((height % 2 !== 0 || width % 2 !== 0) && strides.includes(2)) {
    throw new ShapeError(
      `[partialMixedState] Expected an even height and width at stride 2, got [${x.shape.join(', ')}].`,
    );
  }
  const part = channels / portion;
  const outputs = mix(slice(x, 3, 0, part));
  if (portion === 1) return [...outputs];

  const bypasses = new Map<number, Tensor>();
  const bypass = (stride: 1 | 2): Tensor => {
    const known = bypasses.get(stride);
    if (known) return known;
    const others = slice(x, 3, part);
    const pooled = stride === 1 ? others : maxPool2d(others, 2);
    // [pixel, group, channel] -> [pixel and channel, group]
    const shuffled = transpose(reshape(pooled, [-1, portion - 1, part]), [0, 2, 1]);
    const made = reshape(shuffled, [-1, portion - 1]);
    bypasses.set(stride, made);
    return made;
  };
  return outputs.map((output, e) => {
    const stride = strides[e]!;
    const shuffled = concat([reshape(output, [-1, 1]), bypass(stride)], 1);
    return reshape(shuffled, [batch, height / stride, width / stride, channels]);
  });
}
