/** What a network is trained for. */

import type { LabelledImages } from '../attack/attack.js';
import type { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';

/** What an objective is told about the step. */
export interface ObjectiveContext {
  /** Finished steps of the training, from 0. Random numbers are drawn for it. */
  readonly step: number;
  /** How often training went back from catastrophic overfitting; see `watchOverfitting`. */
  readonly returns: number;
}

/** What one batch comes to. */
export interface ObjectiveValue {
  /** One element, on the tape: backward leads to the parameters. */
  readonly loss: Tensor;
  /** [N, classes], from which training accuracy is read: those of the images that the network was trained on. */
  readonly logits: Tensor;
}

/** A training objective: a loss, and the images it is taken on. One file each in objectives/. */
export interface Objective {
  readonly name: string;
  /** Whether training shall watch for catastrophic overfitting (validation FGSM rises while PGD falls). */
  readonly watchOverfitting: boolean;
  /**
   * The loss of a batch. The network comes in training mode and is left in it. All that is made is the caller's scope's.
   */
  evaluate(model: Module, batch: LabelledImages, context: ObjectiveContext): Promise<ObjectiveValue>;
  /** Gives back what the objective holds besides the network, such as a teacher. */
  dispose?(): void;
}
