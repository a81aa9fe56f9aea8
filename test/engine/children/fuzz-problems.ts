/** Field names of every kernel's problem, with the values that are no small numbers. */
type Field = readonly [name: string, choices?: readonly string[]];

const flag = ['0', '1'];
const seeds = ['0', '7', '9007199254740991', '-5'];
const numbers = ['0', '0.5', '1', '-2', 'nan', 'inf', '1e30'];
const list = ['4', '3x5', '1x2x3', '16x1x9'];

const conv: readonly Field[] = [
  ['N'],
  ['H'],
  ['W'],
  ['C', ['1', '2', '3', '4', '8', '16', '17']],
  ['K', ['1', '2', '4', '8', '16', '33']],
  ['R', ['1', '2', '3', '5']],
  ['S', ['1', '2', '3', '5']],
  ['stride_h', ['1', '2', '3']],
  ['stride_w', ['1', '2', '3']],
  ['pad_h', ['0', '1', '2', '7']],
  ['pad_w', ['0', '1', '2', '7']],
  ['dilation_h', ['1', '1', '2']],
  ['dilation_w', ['1', '1', '2']],
  ['groups', ['1', '1', '1', '2', '4']],
  ['prologue', ['none', 'affine', 'affine_relu', 'else']],
  ['scale', flag],
  ['bias', flag],
  ['relu', flag],
  ['residual', flag],
  ['statistics', flag],
  ['x_stride', ['0', '0', '8', '20']],
  ['y_stride', ['0', '0', '16', '40']],
];
const rows: readonly Field[] = [['rows'], ['channels']];
const pool: readonly Field[] = [
  ['N'],
  ['H'],
  ['W'],
  ['C'],
  ['R', ['1', '2', '3']],
  ['S', ['1', '2', '3']],
  ['stride_h'],
  ['stride_w'],
  ['pad_h', ['0', '0', '1']],
  ['pad_w', ['0', '0', '1']],
  ['kind', ['max', 'average']],
  ['count_padding', flag],
];
const unaryKinds =
  'relu relu6 sigmoid tanh exp log sqrt square abs negate sign reciprocal affine clamp step'.split(' ');
const unary: readonly Field[] = [['count'], ['kind', unaryKinds], ['p0', numbers], ['p1', numbers]];
const reduce: readonly Field[] = [
  ['outer'],
  ['extent'],
  ['inner'],
  ['kind', ['sum', 'mean', 'max', 'min', 'argmax']],
];
const softmax: readonly Field[] = [['rows'], ['classes'], ['log', flag]];
const crossEntropy: readonly Field[] = [['rows'], ['classes'], ['smoothing', numbers], ['mean', flag]];
const gather: readonly Field[] = [['outer'], ['extent'], ['inner'], ['picks'], ['bytes', ['4', '1', '2']]];
const normBackward: readonly Field[] = [...rows, ['mask', ['none', 'input', 'output']], ['training', flag]];

const image: readonly Field[] = [['N'], ['H'], ['W'], ['C'], ['stride', ['1', '1', '2', '3']]];
const separable: readonly Field[] = [
  ...image,
  ['taps', ['3', '5x3', '1x5', '3x5x3x5', '4']],
  ['dilations', ['1', '2x1', '1x2', '1x1x2x2', '3']],
  ['normed', flag],
  ['eps', numbers],
  ['statistics', flag],
  ['training', flag],
  ['dx', flag],
  ['dfilters', flag],
  ['accumulate', flag],
];
const mixedSum: readonly Field[] = [
  ...rows,
  ['weights'],
  ['places', ['0', '1x0', '0x1x2', '-1', 'scalar']],
  ['normed', ['1', '1x0', '0x1x1', '2', 'scalar']],
  ['addend', flag],
  ['eps', numbers],
  ['training', flag],
];
const edges = ['0', '1x0', '0x2', 'scalar', '5'];

const image: readonly Field[] = [['N'], ['H'], ['W'], ['C'], ['stride', ['1', '1', '2', '3']]];
const separable: readonly Field[] = [
  ...image,
  ['taps', ['3', '5x3', '1x5', '3x5x3x5', '4']],
  ['dilations', ['1', '2x1', '1x2', '1x1x2x2', '3']],
  ['normed', flag],
  ['eps', numbers],
  ['statistics', flag],
  ['training', flag],
  ['dx', flag],
  ['dfilters', flag],
  ['accumulate', flag],
];
const mixedSum: readonly Field[] = [
  ...rows,
  ['weights'],
  ['places', ['0', '1x0', '0x1x2', '-1', 'scalar']],
  ['normed', ['1', '1x0', '0x1x1', '2', 'scalar']],
  ['addend', flag],
  ['eps', numbers],
  ['training', flag],
];
const edges = ['0', '1x0', '0x2', 'scalar', '5'];

// Packed chains of picture transforms: possible ones, and some that are none.
const programs = [
  '3x0x0x0x0',
  '0x4x3x1x1',
  '1x3x5x2x0x4x15x0x0x0',
  '2x3x3x1x1x6x3x3x0x0',
  '5x0x0x0x0x7x0x0x0x0',
  '8x0x0x0x0x9x0x0x0x0x10x1x0x0x0',
  '6x4x3x0x0',
  '0x0x3x1x1',
  '11x0x0x0x0',
  '3x0x0',
  'scalar',
];

export const problems: Readonly<Record<string, readonly Field[]>> = {
  conv2d_fprop: conv,
  conv2d_dgrad: conv,
  conv2d_wgrad: conv,
  gemm: [['M'], ['N'], ['K'], ['transpose_a', flag], ['transpose_b', flag], ['bias', flag], ['relu', flag]],
  column_sum: [['rows'], ['columns']],
  batch_norm_statistics: rows,
  batch_norm_fold: [...rows, ['affine', flag], ['update', flag], ['eps', numbers], ['momentum', numbers]],
  normalize: [
    ...rows,
    ['affine', flag],
    ['a_relu', flag],
    ['addend', ['none', 'plain', 'affine']],
    ['b_relu', flag],
    ['relu', flag],
  ],
  batch_norm_reduce: normBackward,
  batch_norm_dgrad: normBackward,
  pool_fprop: pool,
  pool_dgrad: pool,
  separable_fprop: separable,
  separable_backward: separable,
  state_pools: [...image, ['max', flag], ['average', flag], ['statistics', flag]],
  state_pools_dgrad: [
    ...image,
    ['edges'],
    ['max', edges],
    ['average', edges],
    ['identity', edges],
    ['accumulate', flag],
  ],
  mixed_sum: mixedSum,
  mixed_reduce: mixedSum,
  branch_gradient: rows,
  running_statistics: [...rows, ['norms'], ['momentum', numbers]],
  unary_forward: unary,
  unary_backward: unary,
  binary: [
    ['kind', ['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum', 'equal', 'greater']],
    ['dims', ['5', '2x3', '2x3x4', 'scalar']],
    ['a_strides', ['1', '0', '3x1', '0x1', '12x4x1', '-1', 'scalar']],
    ['b_strides', ['1', '0', '3x1', '1x0', '12x0x1', '99999x1', 'scalar']],
  ],
  reduce_forward: reduce,
  reduce_extreme_backward: reduce,
  softmax_forward: softmax,
  softmax_backward: softmax,
  cross_entropy_forward: crossEntropy,
  cross_entropy_backward: crossEntropy,
  strided_copy: [
    ['dims', ['5', '2x3', '2x3x4']],
    ['x_strides', ['1', '3x1', '12x4x1', '1x2', '0x1']],
    ['y_strides', ['1', '3x1', '12x4x1', '1x2', '6x1x2']],
    ['x_offset', ['0', '1', '100']],
    ['y_offset', ['0', '1', '100']],
    ['x_count', ['5', '6', '24', '100']],
    ['y_count', ['5', '6', '24', '100']],
    ['partial', flag],
    ['bytes', ['4', '1', '3']],
  ],
  fill: [['count'], ['value', numbers]],
  gather_forward: gather,
  gather_backward: gather,
  dropout: [['count'], ['rate', numbers], ['seed', seeds], ['site', seeds]],
  random_fill: [
    ['count'],
    ['kind', ['uniform', 'normal']],
    ['p0', numbers],
    ['p1', numbers],
    ['seed', seeds],
    ['stream', seeds],
  ],
  cast: [['count'], ['kind', ['u8_to_f32', 'i32_to_f32', 'f32_to_i32']]],
  sgd: [
    ['counts', list],
    ['rate_slot', ['0', '31', '32']],
    ['momentum', numbers],
    ['decay', numbers],
    ['nesterov', flag],
    ['rate_factor', numbers],
    ['masked', flag],
  ],
  adam: [
    ['counts', list],
    ['rate_slot', ['0', '31', '32']],
    ['first_slot', ['0', '31', '32']],
    ['second_slot', ['0', '31', '-1']],
    ['rate_factor', numbers],
    ['beta1', numbers],
    ['beta2', numbers],
    ['epsilon', numbers],
    ['decay', numbers],
    ['decoupled', flag],
    ['masked', flag],
  ],
  lerp: [
    ['counts', list],
    ['share_slot', ['0', '31', '32']],
  ],
  norm2: [['counts', list]],
  clip_norm: [
    ['counts', list],
    ['limit', numbers],
  ],
  pgd_start: [
    ['samples'],
    ['features'],
    ['epsilon', numbers],
    ['low', numbers],
    ['high', numbers],
    ['seed', seeds],
    ['site', seeds],
    ['norm', ['linf', 'l2']],
  ],
  pgd_step: [
    ['samples'],
    ['features'],
    ['step', numbers],
    ['epsilon', numbers],
    ['low', numbers],
    ['high', numbers],
    ['norm', ['linf', 'l2']],
  ],
  magnitude_threshold: [
    ['counts', list],
    ['pruned', ['0', '1', '4', '99']],
  ],
  prune_mask: [
    ['counts', list],
    ['pruned', ['0', '1', '4', '99']],
  ],
  channel_scores: [['channels'], ['weights'], ['kind', ['l1', 'l2']]],
  fma_chains: [['count'], ['steps']],
  stream_read: [['count']],
  stream_triad: [['count']],
  augment: [
    ['N'],
    ['H'],
    ['W'],
    ['C'],
    ['images'],
    ['train', flag],
    ['pad'],
    ['flip', flag],
    ['cutout'],
    ['seed', seeds],
  ],
  draw_transforms: [
    ['N'],
    ['H'],
    ['W'],
    ['program', programs],
    ['seed', seeds],
    ['site', ['0', '3', '32768', '-1']],
    ['view', ['0', '1', '65536']],
  ],
  transform_images: [
    ['N', ['1', '2']],
    ['H'],
    ['W'],
    ['C', ['1', '2', '3']],
    ['images', ['1', '2']],
    ['bytes', flag],
    ['indexed', flag],
    ['shared', flag],
    ['program', programs],
  ],
  draw_shapes10: [
    ['N', ['1', '2']],
    ['seed', seeds],
    ['first', ['0', '5', '-1']],
  ],
  draw_scenes: [
    ['N', ['1', '2']],
    ['seed', seeds],
    ['first', ['0', '5', '-1']],
  ],
};
