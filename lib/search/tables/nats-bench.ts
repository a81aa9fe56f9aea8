/**
 * The published results of the topology space of NATS-Bench (Dong, Liu, Musial and Gabrys, arXiv 2009.00437), which are
 * those of NAS-Bench-201, for whoever has the files: the folder `NATS-tss-v1_0-3ffb9-simple` with `meta.pickle.pbz2` and one
 * `000123.pickle.pbz2` for each of 15,625 cells.
 *
 * A record is read when it is asked for. Its form is that of D-X-Y/NATS-Bench, api_utils.py (`ArchResults.state_dict`,
 * `ResultsCount.state_dict`); the pickles are read by an unpickler that runs no code.
 */

import { join } from 'node:path';
import { z } from 'zod';

import { ArgumentError, FileFormatError } from '../../errors.js';
import { readBzip2 } from '../../io/bzip2.js';
import { unpickle } from '../../io/pickle/unpickler.js';
import { PythonTuple, type PythonValue, pythonTypeOf } from '../../io/pickle/values.js';
import { nasBench201FromString } from '../../nn/nas-bench-201-string.js';
import { mean } from '../../statistics.js';

/** What a cell was trained on; `cifar10-valid`: on the half of CIFAR-10's training images that leaves the other to validate. */
export const natsDatasets = ['cifar10-valid', 'cifar10', 'cifar100', 'ImageNet16-120'] as const;
/** For how many epochs. */
export const natsEpochs = [12, 200] as const;

export type NatsDataset = (typeof natsDatasets)[number];
export type NatsEpochs = (typeof natsEpochs)[number];

/** One cell on one data set: means over seeds, after the last epoch. */
export interface NatsResult {
  readonly seeds: readonly number[];
  /** Shares in [0, 1]. Null where the table has none: `cifar10` leaves nothing to validate. */
  readonly valid: number | null;
  readonly test: number | null;
  readonly parameters: number;
  /** Multiply-accumulates: what the table calls FLOPs. */
  readonly macs: number;
}

/** A record is about 2 MB, the list of cells about 1 MB. */
const MAX_BYTES = 2 ** 27;
const META = 'meta.pickle.pbz2';

/** The names of the images that a result is of, by data set. */
const imageSets: Readonly<Record<NatsDataset, { readonly valid: string | null; readonly test: string }>> = {
  'cifar10-valid': { valid: 'x-valid', test: 'ori-test' },
  cifar10: { valid: null, test: 'ori-test' },
  cifar100: { valid: 'x-valid', test: 'x-test' },
  'ImageNet16-120': { valid: 'x-valid', test: 'x-test' },
};

const count = z.int().nonnegative();

const trialSchema = z.object({
  epochs: z.int().min(1),
  /** In millions. */
  params: z.number().nonnegative(),
  /** In millions. */
  flop: z.number().nonnegative(),
  /** By `set@epoch`, in percent; epochs count from 0. */
  eval_acc1es: z.instanceof(Map),
});

/** The table in a folder. */
export class NatsBenchTable {
  readonly folder: string;
  /** The cells by their numbers in the table. */
  readonly cells: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;
  /** The record that was asked for last: questions about one cell tend to come together. */
  #last: { readonly number: number; readonly record: Map<PythonValue, PythonValue> } | null = null;

  private constructor(folder: string, cells: readonly string[]) {
    this.folder = folder;
    this.cells = cells;
    this.#numbers = new Map(cells.map((cell, number) => [cell, number]));
  }

  /**
   * Reads the list of cells.
   *
   * @throws FileSystemError when the folder has no `meta.pickle.pbz2`; FileFormatError when that is damaged, or of another
   * space
   */
  static async open(folder: string): Promise<NatsBenchTable> {
    const path = join(folder, META);
    const cells = dictOf(await readPickle(path), path).get('meta_archs');
    if (!Array.isArray(cells) || cells.length === 0) throw fault(path, 'a list meta_archs', cells);
    const named = cells.map((cell) => {
      if (typeof cell !== 'string') throw fault(path, 'cells as strings', cell);
      try {
        nasBench201FromString(cell);
      } catch {
        throw new FileFormatError(
          `${path}: expected cells of NATS-Bench's topology space, found ${JSON.stringify(cell)}; use the folder NATS-tss-v1_0-3ffb9-simple.`,
        );
      }
      return cell;
    });
    return new NatsBenchTable(folder, named);
  }

  /** The number of a cell in the table. @throws ArgumentError when the table has no such cell */
  numberOf(arch: string): number {
    const number = this.#numbers.get(arch);
    if (number !== undefined) return number;
    throw new ArgumentError(`Expected a cell of the table in ${this.folder}, got '${arch}'.`);
  }

  /**
   * What the table says of a cell.
   *
   * @param epochs of the training: 12, or 200 as papers report
   * @throws ArgumentError when the table has no such cell, or nothing of the data set at these epochs
   * @throws FileSystemError when the cell's file is not there; FileFormatError when it is damaged or of another cell
   */
  async result(arch: string, dataset: NatsDataset, epochs: NatsEpochs = 200): Promise<NatsResult> {
    const number = this.numberOf(arch);
    const path = join(this.folder, `${String(number).padStart(6, '0')}.pickle.pbz2`);
    const record = await this.#record(number, path);
    const results = record.get(String(epochs));
    if (results === undefined) {
      throw new ArgumentError(
        `Expected results of ${epochs} epochs in ${path}, found those of ${[...record.keys()].join(', ')}.`,
      );
    }
    const { arch_str, dataset_seed, all_results } = fieldsOf(results, path);
    if (arch_str !== arch) throw fault(path, `results of ${arch}`, arch_str);
    const datasets = dictOf(dataset_seed, path);
    const seeds = datasets.get(dataset);
    if (seeds === undefined) {
      throw new ArgumentError(
        `Expected results on ${dataset} in ${path}, found those on ${[...datasets.keys()].join(', ')}.`,
      );
    }
    const checkedSeeds = z.array(count).min(1).safeParse(seeds);
    if (!checkedSeeds.success) throw fault(path, `a list of seeds on ${dataset}`, seeds);
    const trials = checkedSeeds.data.map((seed) => trialOf(dictOf(all_results, path), dataset, seed, path));
    const { valid, test } = imageSets[dataset];
    return {
      seeds: checkedSeeds.data,
      valid: valid === null ? null : meanAccuracy(trials, valid, path),
      test: meanAccuracy(trials, test, path),
      parameters: Math.round(1e6 * mean(trials.map(({ params }) => params))),
      macs: Math.round(1e6 * mean(trials.map(({ flop }) => flop))),
    };
  }

  async #record(number: number, path: string): Promise<Map<PythonValue, PythonValue>> {
    if (this.#last?.number === number) return this.#last.record;
    const record = dictOf(await readPickle(path), path);
    const strange = [...record.keys()].find((epochs) => typeof epochs !== 'string' || !/^\d+$/.test(epochs));
    if (strange !== undefined) throw fault(path, 'results by numbers of epochs', strange);
    this.#last = { number, record };
    return record;
  }
}

type Trial = z.infer<typeof trialSchema>;

async function readPickle(path: string): Promise<PythonValue> {
  return unpickle(await readBzip2(path, MAX_BYTES), path).value;
}

function trialOf(
  trials: ReadonlyMap<PythonValue, PythonValue>,
  dataset: NatsDataset,
  seed: number,
  path: string,
): Trial {
  // A key is a tuple, which is found by what it holds.
  const entry = [...trials].find(
    ([key]) => key instanceof PythonTuple && key.items[0] === dataset && key.items[1] === seed,
  );
  if (entry === undefined) throw fault(path, `results on ${dataset} of seed ${seed}`, undefined);
  const checked = trialSchema.safeParse(fieldsOf(entry[1], path));
  if (checked.success) return checked.data;
  throw new FileFormatError(
    `${path}: expected results on ${dataset} of seed ${seed} in the form of NATS-Bench 1.0:\n${z.prettifyError(checked.error)}`,
  );
}

/** After the last epoch; null when no trial has seen these images. */
function meanAccuracy(trials: readonly Trial[], images: string, path: string): number | null {
  const accuracies = trials.map(({ eval_acc1es, epochs }) => eval_acc1es.get(`${images}@${epochs - 1}`));
  if (accuracies.every((accuracy) => accuracy === undefined)) return null;
  const checked = z.array(z.number().min(0).max(100)).safeParse(accuracies);
  if (!checked.success) throw fault(path, `percent correct of ${images} after the last epoch`, undefined);
  return mean(checked.data) / 100;
}

function dictOf(value: PythonValue | undefined, path: string): Map<PythonValue, PythonValue> {
  if (value instanceof Map) return value;
  throw fault(path, 'a dict', value);
}

/** A dict whose keys are names. */
function fieldsOf(value: PythonValue | undefined, path: string): Record<string, PythonValue> {
  return Object.fromEntries([...dictOf(value, path)].map(([key, field]) => [String(key), field]));
}

function fault(path: string, expected: string, found: PythonValue | undefined): FileFormatError {
  const what = typeof found === 'string' ? JSON.stringify(found) : pythonTypeOf(found);
  return new FileFormatError(
    `${path}: expected ${expected}, found ${what}; this is no file of NATS-Bench 1.0's topology space.`,
  );
}
