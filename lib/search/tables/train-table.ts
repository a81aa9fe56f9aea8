/** Makes a table of one's own: trains cells one after the other, each by the same recipe on the same images. */

import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { evaluateRobustness } from '../../attack/robust-accuracy.js';
import type { ImageSet } from '../../data/image-set.js';
import { CheckpointError } from '../../errors.js';
import type { HostTensor } from '../../io/host-tensor.js';
import { jsonSha256 } from '../../io/json-digest.js';
import type { RunFolder } from '../../io/run-folder.js';
import { writeRunResult } from '../../io/run-result.js';
import { complexity } from '../../nn/complexity.js';
import { modelFromSpec } from '../../nn/models/index.js';
import { nasBench201Spec } from '../../nn/models/nas-bench-201.js';
import { nasBench201FromString } from '../../nn/nas-bench-201-string.js';
import type { StopSignal } from '../../signals.js';
import {
  dataSchema,
  evaluationBatches,
  openTrainingData,
  type TrainingData,
} from '../../train/data-recipe.js';
import { type ProgressSink, silentProgress } from '../../train/progress-sink.js';
import { prepareTraining, recipeSchema } from '../../train/recipe.js';
import { completeEnvironment } from '../../train/run-environment.js';
import { loadTraining, savedTrainingSchema, saveTraining } from '../../train/saved-training.js';
import { nasBench201SpaceSchema } from '../spaces/nas-bench-201.js';
import {
  bestCell,
  cellMeans,
  type OwnTable,
  type OwnTableRow,
  randomCells,
  readOwnTable,
  seedDeviation,
  writeOwnTable,
} from './own-table.js';

const cellSchema = z.string().superRefine((arch, context) => {
  try {
    nasBench201FromString(arch);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});

/** Cells as a file names them, such as `table.missing.json`. */
export const cellListSchema = z.array(cellSchema);

/** The recipe of NAS-Bench-201 for small networks: as the benchmark's, but with fewer epochs. */
export const TABLE_DEFAULTS = {
  space: { name: 'nas-bench-201', channels: 8, cells: 1 },
  train: {
    objective: { kind: 'standard' },
    epochs: 12,
    batch: 128,
    optimizer: { kind: 'sgd', rate: 0.1, momentum: 0.9, nesterov: true, decay: 5e-4 },
    schedule: { kind: 'cosine' },
    augmentation: { pad: 2, flip: true },
  },
} as const;

export const tableSchema = z.strictObject({
  data: dataSchema.prefault({}),
  /** Of the split of the images. */
  seed: z.int().nonnegative().default(0),
  space: nasBench201SpaceSchema.prefault(TABLE_DEFAULTS.space),
  train: recipeSchema.prefault(TABLE_DEFAULTS.train),
  cells: z
    .strictObject({
      /** So many at random, ... */
      random: z.int().nonnegative().default(100),
      /** ... the first of a permutation by this seed. */
      seed: z.int().nonnegative().default(0),
      /** Others, by their strings. */
      listed: z.array(cellSchema).default([]),
    })
    .prefault({}),
  /** Each cell is trained with each. */
  seeds: z.array(z.int().nonnegative()).min(1).default([0]),
  /** The first random cells are trained with more seeds: how much chance there is in a row. */
  repeated: z
    .strictObject({
      cells: z.int().nonnegative().default(0),
      seeds: z.array(z.int().nonnegative()).default([1, 2]),
    })
    .prefault({}),
  /** Steps between two checkpoints, besides those after each epoch; 0: none. */
  checkpointEvery: z.int().min(0).default(0),
});

export type TableConfig = z.infer<typeof tableSchema>;

/** A training that a table asks for. */
export interface TableTrial {
  readonly arch: string;
  readonly seed: number;
}

export interface TableRunOptions {
  /** Where checkpoints and the table go; one that was `resumed` is continued. */
  readonly run: RunFolder;
  /** Cells besides those of the configuration, such as those that a comparison lacked. */
  readonly more?: readonly string[];
  readonly progress?: ProgressSink;
  readonly signal?: StopSignal;
}

/** The trainings of a table, each once: first all cells, then the repeated ones, then `more`. */
export function tableTrials(config: TableConfig, more: readonly string[] = []): TableTrial[] {
  const { random, seed, listed } = config.cells;
  const drawn = random === 0 ? [] : randomCells(random, seed);
  const trials = [
    ...product([...drawn, ...listed], config.seeds),
    ...product(drawn.slice(0, config.repeated.cells), config.repeated.seeds),
    ...product(more, config.seeds),
  ];
  return [...new Map(trials.map((trial) => [keyOf(trial), trial])).values()];
}

function product(cells: readonly string[], seeds: readonly number[]): TableTrial[] {
  return cells.flatMap((arch) => seeds.map((seed) => ({ arch, seed })));
}

function keyOf({ arch, seed }: TableTrial): string {
  return `${arch} ${seed}`;
}

/** The network of a cell. */
export function tableNetwork({ arch, seed }: TableTrial, { space }: TableConfig, data: TrainingData) {
  const { classes, normalization } = data.dataset;
  const options = { channels: space.channels, cells: space.cells, classes: classes.length, normalization };
  return modelFromSpec(nasBench201Spec(nasBench201FromString(arch), options), seed);
}

const stateSchema = z.strictObject({
  arch: z.string(),
  seed: z.int().nonnegative(),
  training: savedTrainingSchema,
});

/**
 * Trains what a table lacks. The images are opened once, and so are the test images: they are read once for each cell's last network,
 * nothing is chosen by them.
 *
 * Writes to the run folder: `table.json` after each training, `metrics.jsonl` with a line for each, `checkpoints/`, and `result.json`.
 *
 * @throws AbortedError after `signal` is aborted, resumable; DataChangedError; CheckpointError
 */
export async function runTable(config: TableConfig, options: TableRunOptions): Promise<OwnTable> {
  await mkdir(options.run.path, { recursive: true });
  const data = await openTrainingData(config.data, config.seed, options.run);
  try {
    return await new TableRun(config, data, options).run();
  } finally {
    data.dataset.dispose();
  }
}

class TableRun {
  readonly #config: TableConfig;
  readonly #data: TrainingData;
  readonly #options: TableRunOptions;
  readonly #progress: ProgressSink;
  readonly #stepsEach: number;
  #table: Omit<OwnTable, 'rows'> & { rows: OwnTableRow[] };

  constructor(config: TableConfig, data: TrainingData, options: TableRunOptions) {
    this.#config = config;
    this.#data = data;
    this.#options = options;
    this.#progress = options.progress ?? silentProgress;
    this.#stepsEach = config.train.epochs * Math.floor(data.train.length / config.train.batch);
    this.#table = {
      schemaVersion: 1,
      space: config.space,
      recipeSha256: jsonSha256({
        train: config.train,
        images: data.dataset.train.sha256,
        training: data.train.length,
        validation: data.validation.length,
        seed: config.seed,
      }),
      ...(config.cells.random === 0
        ? {}
        : { sample: { count: config.cells.random, seed: config.cells.seed } }),
      rows: [],
    };
  }

  async run(): Promise<OwnTable> {
    const { run, more = [] } = this.#options;
    const resume = run.resumed ? await this.#resume() : undefined;
    const done = new Set(this.#table.rows.map(keyOf));
    const trials = tableTrials(this.#config, more).filter((trial) => !done.has(keyOf(trial)));
    const { set, indices } = await this.#data.readTest();
    try {
      for (const [index, trial] of trials.entries()) {
        const saved = resume !== undefined && keyOf(resume.state) === keyOf(trial) ? resume : undefined;
        const row = await this.#train(trial, { set, indices }, saved, `${index + 1} of ${trials.length}`);
        this.#table.rows.push(row);
        await writeOwnTable(this.#path, this.#table);
        await run.appendMetrics({ step: this.#table.rows.length, stage: 'cell', ...row });
      }
    } finally {
      set.dispose();
    }
    await this.#finish();
    return this.#table;
  }

  get #path(): string {
    return join(this.#options.run.path, 'table.json');
  }

  async #resume() {
    const { run } = this.#options;
    if (await isThere(this.#path)) {
      const { recipeSha256, rows } = await readOwnTable(this.#path);
      if (recipeSha256 !== this.#table.recipeSha256) {
        throw new CheckpointError(
          `Expected the table of this recipe in ${this.#path}, found that of another; give another --out.`,
        );
      }
      this.#table.rows = rows;
    }
    await run.truncateToStep(this.#table.rows.length);
    const { checkpoint, skipped } = await run.loadNewestCheckpoint();
    for (const { path, reason } of skipped) this.#progress.log(`Skipped checkpoint ${path}: ${reason}`);
    if (checkpoint === undefined) return undefined;
    const state = stateSchema.safeParse(checkpoint.state);
    if (!state.success) {
      throw new CheckpointError(
        `Expected the training of a cell in ${checkpoint.path}: ${z.prettifyError(state.error)}`,
      );
    }
    return { state: state.data, tensors: checkpoint.tensors };
  }

  async #train(
    trial: TableTrial,
    test: { set: ImageSet; indices: Int32Array },
    resume: { state: z.infer<typeof stateSchema>; tensors: ReadonlyMap<string, HostTensor> } | undefined,
    title: string,
  ): Promise<OwnTableRow> {
    const { run, signal } = this.#options;
    const { dataset, train: indices, validation, imageShape } = this.#data;
    const before = this.#table.rows.length * this.#stepsEach;
    using model = tableNetwork(trial, this.#config, this.#data);
    using prepared = await prepareTraining(this.#config.train, model, dataset.train, indices, trial.seed, {
      title: `cell ${title}`,
      progress: this.#progress,
      ...(signal === undefined ? {} : { signal }),
      snapshotEvery: this.#config.checkpointEvery,
      onSnapshot: async (snapshot) => {
        const { tensors, state: training } = saveTraining(snapshot, prepared.trainer.lastSound);
        await run.saveCheckpoint(before + snapshot.position.step, tensors, { ...trial, training });
      },
    });
    if (resume !== undefined) {
      const { snapshot, lastSound } = loadTraining(resume.tensors, resume.state.training);
      prepared.trainer.resume(snapshot, lastSound);
    }
    await prepared.trainer.run();
    const accuracyOn = async (set: ImageSet, chosen: Int32Array) =>
      (await evaluateRobustness(model, evaluationBatches(set, chosen))).clean;
    const valid = await accuracyOn(dataset.train, validation);
    const tested = await accuracyOn(test.set, test.indices);
    const { parameters, macs } = await complexity(model, imageShape);
    return { ...trial, valid, test: tested, parameters, macs };
  }

  async #finish(): Promise<void> {
    const { run } = this.#options;
    const deviation = seedDeviation(this.#table, 'test');
    await completeEnvironment(run);
    await writeRunResult(run.path, {
      workflow: 'search table',
      config: this.#config,
      measures: {
        cells: cellMeans(this.#table).length,
        trainings: this.#table.rows.length,
        bestValid: bestCell(this.#table, 'valid').valid,
        bestTest: bestCell(this.#table, 'test').test,
        ...(deviation === null ? {} : { seedDeviation: deviation }),
      },
      details: { table: 'table.json' },
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
