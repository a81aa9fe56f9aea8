/** mixedState as its references define it, out of separate operations. */

import {
  add,
  avgPool2d,
  batchNorm,
  type CandidateKind,
  concat,
  conv2d,
  type MixedCandidate,
  type MixedEdge,
  type MixedStateOptions,
  maxPool2d,
  mul,
  relu,
  reshape,
  slice,
  type Tensor,
  transpose,
  zeros,
} from '../../lib/index.js';

/** One candidate of the DARTS or NAS-Bench-201 search code. */
export function composedCandidate(
  x: Tensor,
  { kind, filters = [], running = [] }: MixedCandidate,
  stride: 1 | 2,
  { training, update, poolNorm = true, eps, momentum }: MixedStateOptions,
): Tensor {
  const channels = x.shape[3]!;
  const norm = (y: Tensor, index: number): Tensor =>
    batchNorm(y, {
      training,
      runningMean: running[index]?.mean ?? null,
      runningVariance: running[index]?.variance ?? null,
      ...(update === undefined ? {} : { update: update && running.length > 0 }),
      ...(eps === undefined ? {} : { eps }),
      ...(momentum === undefined ? {} : { momentum }),
    });
  /** ReLU, depthwise, pointwise, normalisation. */
  const separable = (y: Tensor, size: number, dilation: number, first: number, step: 1 | 2): Tensor => {
    const padding = dilation * ((size - 1) / 2);
    const depthwise = conv2d(relu(y), filters[first]!, { stride: step, padding, dilation, groups: channels });
    return norm(conv2d(depthwise, filters[first + 1]!), first / 2);
  };
  const pooled = (y: Tensor): Tensor => (poolNorm ? norm(y, 0) : y);
  const window = { stride, padding: 1 };
  switch (kind) {
    case 'none':
      return zeros([x.shape[0]!, Math.ceil(x.shape[1]! / stride), Math.ceil(x.shape[2]! / stride), channels]);
    case 'max_pool_3x3':
      return pooled(maxPool2d(x, 3, window));
    case 'avg_pool_3x3':
      return pooled(avgPool2d(x, 3, { ...window, countPadding: false }));
    case 'skip_connect': {
      if (stride === 1) return x;
      const active = relu(x);
      const shifted = slice(slice(active, 1, 1), 2, 1);
      const halves = [conv2d(active, filters[0]!, { stride }), conv2d(shifted, filters[1]!, { stride })];
      return norm(concat(halves, 3), 0);
    }
    case 'sep_conv_3x3':
    case 'sep_conv_5x5': {
      const size = kind === 'sep_conv_3x3' ? 3 : 5;
      return separable(separable(x, size, 1, 0, stride), size, 1, 2, 1);
    }
    case 'dil_conv_3x3':
      return separable(x, 3, 2, 0, stride);
    case 'dil_conv_5x5':
      return separable(x, 5, 2, 0, stride);
    case 'nor_conv_1x1':
      return norm(conv2d(relu(x), filters[0]!), 0);
    case 'nor_conv_3x3':
      return norm(conv2d(relu(x), filters[0]!, { padding: 1 }), 0);
  }
}

export function composedMixedState(
  x: Tensor,
  edges: readonly MixedEdge[],
  options: MixedStateOptions,
): Tensor[] {
  return edges.map(({ candidates, weights, stride = 1, active, addend }) => {
    const terms = [...(active ?? candidates.keys())].map((place) =>
      mul(composedCandidate(x, candidates[place]!, stride, options), slice(weights, 0, place, 1)),
    );
    const none: CandidateKind = 'none';
    const start = addend ?? composedCandidate(x, { kind: none }, stride, options);
    return terms.reduce(add, start);
  });
}

/** As the search code of PC-DARTS has it. */
export function composedPartialMixedState(
  x: Tensor,
  edges: readonly MixedEdge[],
  options: MixedStateOptions,
  portion: number,
): Tensor[] {
  const part = x.shape[3]! / portion;
  const bare = edges.map(({ addend: _, ...edge }) => edge);
  return composedMixedState(slice(x, 3, 0, part), bare, options).map((mixed, e) => {
    const { stride = 1, addend } = edges[e]!;
    let joined = mixed;
    if (portion > 1) {
      const others = slice(x, 3, part);
      joined = concat([mixed, stride === 1 ? others : maxPool2d(others, 2)], 3);
    }
    const [n, p, q, channels] = joined.shape as [number, number, number, number];
    const groups = transpose(reshape(joined, [n, p, q, portion, channels / portion]), [0, 1, 2, 4, 3]);
    const shuffled = reshape(groups, [n, p, q, channels]);
    return addend ? add(shuffled, addend) : shuffled;
  });
}
