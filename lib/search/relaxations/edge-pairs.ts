/**
 * DOTS' search of topologies (Gu et al., arXiv 2010.04969, section 3.3; guyuchao/DOTS): a softmax over all pairs of the edges into a node,
 * at a temperature T that falls; an edge's factor is the sum of its pairs' weights. What is left on each edge, a candidate without
 * weights and one with, is balanced by a softmax at the temperature `balance` T.
 */

import { ConfigError } from '../../errors.js';
import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { div, mul } from '../../ops/elementwise.js';
import { concat, reshape, slice } from '../../ops/layout.js';
import { sum } from '../../ops/reduce.js';
import { softmax } from '../../ops/softmax.js';
import type { Tensor } from '../../tensor.js';
import { ScheduledScalar } from '../scheduled-scalar.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { EdgeGroup } from '../supernet.js';
import { pairsOfEdges } from './pairs-of-edges.js';
import { byGroup, type Relaxation, type RelaxationContext } from './relaxation.js';

export interface EdgePairsOptions {
  readonly temperature: ScheduledValue;
  /** The temperature of the candidates' softmax as a share of that of the pairs. */
  readonly balance: number;
}

/** @throws ConfigError when an architecture does not keep two edges of each node */
export function edgePairsRelaxation(
  { architecture }: RelaxationContext,
  { temperature, balance }: EdgePairsOptions,
): Relaxation {
  for (const { name, edgesPerNode, nodes } of architecture.groups) {
    if (edgesPerNode === 2 && nodes.every((edges) => edges.length >= 2)) continue;
    throw new ConfigError(
      `The relaxation edge-pairs expects a space in which each node keeps two of its edges; ${name} is not such a group.`,
    );
  }
  const tau = new ScheduledScalar(temperature);
  tau.draw({ epoch: 0, epochs: 1 });
  const members = new Map(architecture.groups.map((group) => [group.name, membership(group)]));
  const weights = (alphas: Tensor) => softmax(div(alphas, mul(tau.tensor, balance)));
  /** [pairs] of a group: the softmaxes of its nodes, one after the other. */
  const pairWeights = ({ name, nodes }: EdgeGroup): Tensor => {
    const scaled = div(architecture.byGroup.get(name)!.pairs!, tau.tensor);
    let start = 0;
    const parts = nodes.map((edges) => {
      const count = (edges.length * (edges.length - 1)) / 2;
      start += count;
      return softmax(slice(scaled, 0, start - count, count));
    });
    return concat(parts, 0);
  };
  const groupOf = new Map(architecture.groups.map((group) => [group.name, group]));
  return {
    sampled: false,
    draw: (pass) => tau.draw(pass),
    mixture: () =>
      byGroup(architecture, (alphas, name) => ({
        weights: weights(alphas),
        edges: sum(mul(members.get(name)!, reshape(pairWeights(groupOf.get(name)!), [1, -1])), 1),
      })),
    strengths: () => byGroup(architecture, weights),
    pairStrengths: () => byGroup(architecture, (_, name) => pairWeights(groupOf.get(name)!)),
    [Symbol.dispose]: () => {
      tau[Symbol.dispose]();
      for (const buffer of members.values()) buffer.dispose();
    },
  };
}

/** [edges, pairs]: 1 where an edge is one of a pair. */
function membership({ candidates, nodes }: EdgeGroup): StateBuffer {
  const pairs = nodes.flatMap(pairsOfEdges);
  const buffer = new StateBuffer(zeros([candidates.length, pairs.length]));
  buffer.write(
    Float32Array.from(candidates.flatMap((_, edge) => pairs.map((pair) => Number(pair.includes(edge))))),
  );
  return buffer;
}
