/** Knowledge distillation (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531). */

import { z } from 'zod';

import { ArgumentError, ShapeError } from '../../errors.js';
import type { Module } from '../../nn/module.js';
import { crossEntropy } from '../../ops/cross-entropy.js';
import { noGrad, scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Objective } from '../objective.js';

export const distillationSchema = z.strictObject({
  kind: z.literal('distillation'),
  /** Path of the teacher: a model file that lapidary wrote. */
  teacher: z.string().min(1),
  /** What the logits of both are divided by. */
  temperature: z.number().positive().default(4),
  /** Share of the soft loss, in [0, 1]; the rest is the cross-entropy with the labels. */
  weight: z.number().min(0).max(1).default(0.9),
  /** Label smoothing of the cross-entropy. */
  smoothing: z.number().min(0).lt(1).default(0),
});

export interface DistillationOptions {
  /** Maps images to logits of as many classes as the student's. The objective disposes it with itself. */
  readonly teacher: Module;
  /** Above 0. Default 4. */
  readonly temperature?: number;
  /** In [0, 1]. Default 0.9. */
  readonly weight?: number;
  /** In [0, 1). Default 0. */
  readonly smoothing?: number;
}

/**
 * (1 - weight) CE(student, y) + weight T^2 mean KL(teacher / T || student / T) (section 2; the factor T^2 keeps the share of
 * the soft targets' gradient when T changes). The teacher sees the same augmented images, in evaluation mode and off the tape.
 *
 * Defaults are our choice: T = 4 and weight = 0.9 are what later work uses for CIFAR.
 *
 * @throws ArgumentError when a setting is out of range; `evaluate` throws ShapeError when the numbers of classes differ
 */
export function distillationObjective(options: DistillationOptions): Objective {
  const { teacher, temperature = 4, weight = 0.9, smoothing = 0 } = options;
  if (!(temperature > 0) || !(weight >= 0 && weight <= 1)) {
    throw new ArgumentError(
      `Expected a temperature above 0 and a weight in [0, 1], got ${temperature} and ${weight}.`,
    );
  }
  teacher.eval();
  return {
    name: 'distillation',
    watchOverfitting: false,
    async evaluate(model, { images, labels }) {
      const soft = noGrad(() => scope(() => teacher.forward(images)));
      const logits = model.forward(images);
      const hard = crossEntropy(logits, labels, { smoothing });
      const loss = hard.mul(1 - weight).add(softLoss(logits, soft, temperature).mul(weight));
      return { loss, logits };
    },
    dispose: () => teacher.dispose(),
  };
}

/**
 * T^2 mean over the batch of KL(softmax(teacher / T) || softmax(student / T)), one element, from logits [N, classes].
 *
 * @throws ShapeError when the shapes differ
 */
export function softLoss(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  if (student.shape.join() !== teacher.shape.join()) {
    throw new ShapeError(
      `Expected logits of teacher and student of one shape, got [${teacher.shape.join(', ')}] and [${student.shape.join(', ')}]; give a teacher of as many classes.`,
    );
  }
  const target = teacher.mul(1 / temperature).logSoftmax();
  const output = student.mul(1 / temperature).logSoftmax();
  const divergence = target.exp().mul(target.sub(output)).sum();
  return divergence.mul(temperature ** 2 / student.shape[0]!);
}
