/**
 * What a benchmark beside a peer times: the same work in lapidary and in another framework, from the same weights, on the
 * same inputs.
 *
 * A workload `name` is a file here, its line in index.ts, and the same work in PyTorch, bench/peers/`name`.py.
 */

import { performance } from 'node:perf_hooks';
import { device } from '../../lib/device.js';
import type { DType } from '../../lib/dtype.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import type { AnyModule } from '../../lib/nn/module.js';
import type { Tensor } from '../../lib/tensor.js';

/** What a step computes that can be compared: losses, logits, images. */
export type Outputs = Readonly<Record<string, Tensor>>;

/**
 * How well an output must agree with the peer's: ||ours - theirs|| / ||theirs||, in 2-norms over all of its elements; a list has
 * a number for each of the first steps.
 */
export type Tolerances = Readonly<Record<string, number | readonly number[]>>;

export interface Workload {
  /** As `--only` and the JSON name it; the peer is bench/peers/`name`.py. */
  readonly name: string;
  /** One step in a line, without the batch. */
  readonly title: string;
  /** Which gradients both sides compute, and which neither does; where they differ, that too. */
  readonly gradients: string;
  /** Samples in a step, by default. */
  readonly batch: number;
  /** Steps in a round, by default: about a second's worth. */
  readonly steps: number;
  /** Outputs of `step` and of `probe`, by name. */
  readonly tolerances: Tolerances;
  /** Numbers that the peer needs besides weights and inputs, such as a learning rate. */
  readonly settings: Readonly<Record<string, number>>;
  /** @param seed draws weights and inputs */
  create(batch: number, seed: number): Work | Promise<Work>;
}

/** A workload that is ready to run: weights drawn, inputs made. */
export interface Work {
  /**
   * Floating-point operations of a step as docs/performance.md counts them: two for each multiply-accumulate of
   * convolutions and matrix products, once for each direction that is needed. Other operations are not counted.
   */
  readonly flops: number;
  /** Its parameters and buffers are the weights that the peer starts from, under the same names. */
  readonly model: AnyModule;
  /** By name, in lapidary's layouts. */
  readonly inputs: Readonly<Record<string, Tensor<DType>>>;
  /** Enqueues one step. The caller owns what comes back; it is off the tape. */
  step(): Outputs | Promise<Outputs>;
  /** What else is compared, once, from the start state: what a step does not give. Changes nothing, and is not timed. */
  probe?(): Outputs;
  /** Inference only: writes the network for other runtimes, its images and output named as `exportOnnx` does. */
  exportOnnx?(path: string): Promise<void>;
}

/** What some steps took. */
export interface Run {
  /** All of them, until the device had done its work. */
  readonly ms: number;
  /** The part of `ms` in which JavaScript enqueued; the device works meanwhile. */
  readonly enqueueMs: number;
  /** Of the last step. */
  readonly outputs: ReadonlyMap<string, HostTensor>;
}

/** Runs so many steps, at least one, and waits for them. */
export async function runSteps(work: Work, steps: number): Promise<Run> {
  const start = performance.now();
  let enqueueMs = 0;
  let outputs: Outputs = {};
  for (let step = 0; step < steps; step++) {
    if (step > 0) await device().ready();
    dispose(outputs);
    const before = performance.now();
    outputs = await work.step();
    enqueueMs += performance.now() - before;
  }
  await device().synchronize();
  const ms = performance.now() - start;
  const values = await hostTensors(outputs);
  dispose(outputs);
  return { ms, enqueueMs, outputs: values };
}

/** What `probe` computes; nothing where the workload has none. */
export async function probed(work: Work): Promise<ReadonlyMap<string, HostTensor>> {
  const outputs = work.probe?.() ?? {};
  const values = await hostTensors(outputs);
  dispose(outputs);
  return values;
}

/** Weights and inputs for a peer to start from: `model.<name>` and `input.<name>`. */
export async function startState({ model, inputs }: Work): Promise<Map<string, HostTensor>> {
  const weights = [...(await model.hostState())].map(([name, tensor]) => [`model.${name}`, tensor] as const);
  const values = [...(await hostTensors(inputs))].map(([name, tensor]) => [`input.${name}`, tensor] as const);
  return new Map([...weights, ...values]);
}

async function hostTensors(
  tensors: Readonly<Record<string, Tensor<DType>>>,
): Promise<Map<string, HostTensor>> {
  const read = Object.entries(tensors).map(async ([name, tensor]): Promise<[string, HostTensor]> => {
    return [name, { dtype: tensor.dtype, shape: [...tensor.shape], data: await tensor.data() }];
  });
  return new Map(await Promise.all(read));
}

function dispose(outputs: Outputs): void {
  for (const tensor of Object.values(outputs)) tensor.dispose();
}
