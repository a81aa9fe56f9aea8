/**
 * What each candidate of a layer-wise space costs: by the clock of the machine at hand, as ProxylessNAS and FBNet want it, or in
 * multiply-accumulates, with which a search is reproducible to the bit.
 */

import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { z } from 'zod';

import { inEvaluationMode } from '../attack/network-mode.js';
import { device } from '../device.js';
import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import { jsonSha256 } from '../io/json-digest.js';
import { complexity } from '../nn/complexity.js';
import type { Module } from '../nn/module.js';
import { rand } from '../ops/create.js';
import { noGrad, scope } from '../scope.js';
import { quantile } from '../statistics.js';
import type { Tensor } from '../tensor.js';
import { LayerwiseSupernet, type NetworkPart } from './networks/layerwise-supernet.js';
import type { SearchSpace } from './space.js';

const SCHEMA_VERSION = 1;
const costSchema = z.number().nonnegative();

const machineSchema = z.strictObject({
  cpu: z.string(),
  /** What computes, in words: with cuda the GPU. */
  device: z.string(),
  isa: z.string(),
  threads: z.int().positive(),
  precision: z.enum(['default', 'strict']),
  /** Digest of the addon's sources. */
  build: z.string(),
});

/** What times depend on besides what is timed. */
export type LatencyMachine = z.infer<typeof machineSchema>;

const common = {
  schemaVersion: z.literal(SCHEMA_VERSION),
  /** Digest of the space's configuration. */
  space: z.string(),
  /** Of one image, [H, W, C]. */
  imageShape: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
  classes: z.int().positive(),
  /** Of what every architecture has: the layers that are not searched. */
  fixed: costSchema,
  rows: z.array(z.strictObject({ layer: z.string(), candidate: z.string(), cost: costSchema })),
};

export const latencyTableSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    /** Costs are microseconds of a forward pass in evaluation. */
    kind: z.literal('latency'),
    machine: machineSchema,
    /** Images in the pass. */
    batch: z.int().positive(),
  }),
  /** Costs are multiply-accumulates of one image. */
  z.strictObject({ ...common, kind: z.literal('macs') }),
]);

export type LatencyTable = z.infer<typeof latencyTableSchema>;

/** Which data the costs are of. */
export interface CostOptions {
  /** Of one image, [H, W, C]. */
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly classes: number;
}

export interface LatencyTableOptions extends CostOptions {
  /** Images in a pass. Default 1. */
  readonly batch?: number;
  /** Timed rounds, in each of which every candidate of a layer has its turn. Default 9. */
  readonly rounds?: number;
}

/** A turn repeats the pass for about so long, so that no single wait for the device counts. */
const TURN_MILLISECONDS = 4;
/** Passes of a turn are all in the device's queue before one is waited for; that has room for thousands of tasks. */
const MOST_PASSES = 64;

/** The machine that times would be measured on now. */
export function latencyMachine(): LatencyMachine {
  const used = device();
  const { isa, threads, precision, build } = used;
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown', device: String(used), isa, threads, precision, build };
}

/**
 * Times every candidate of every layer, alone, on the machine at hand: the median over rounds of a forward pass in evaluation
 * mode. Candidates of a layer take turns in alternating order, since the speed of a machine drifts; passes follow each other in
 * the device's queue, so that a time is that of the kernels and not of waiting for them. Layers run from a warm cache, which
 * a whole network does not.
 *
 * @throws ArgumentError when the space has no layers that could be timed one by one
 */
export async function measureLatencyTable<C>(
  space: SearchSpace<C>,
  config: C,
  { batch = 1, rounds = 9, ...data }: LatencyTableOptions,
): Promise<LatencyTable> {
  if (!Number.isInteger(batch) || batch < 1 || !Number.isInteger(rounds) || rounds < 1) {
    throw new ArgumentError(`Expected a batch and rounds of 1 or more, got ${batch} and ${rounds}.`);
  }
  using network = searchNetwork(space, config, data);
  const parts = network.parts(data.imageShape);
  const times = new Map<NetworkPart, number>();
  await inEvaluationMode(network, () =>
    noGrad(async () => {
      for (const rivals of byGroup(parts)) await timeInTurns(rivals, batch, rounds, times);
    }),
  );
  return {
    kind: 'latency',
    machine: latencyMachine(),
    batch,
    ...tableOf(config, data, parts, (part) => times.get(part)!),
  };
}

/** Counts the multiply-accumulates of every candidate of every layer. @throws ArgumentError as `measureLatencyTable` */
export function macsTable<C>(space: SearchSpace<C>, config: C, data: CostOptions): LatencyTable {
  using network = searchNetwork(space, config, data);
  const macs = ({ module, inputShape }: NetworkPart): number =>
    module === null ? 0 : complexity(module, inputShape).macs;
  return { kind: 'macs', ...tableOf(config, data, network.parts(data.imageShape), macs) };
}

/** Writes a table as JSON, in one step. @throws FileSystemError */
export async function writeLatencyTable(path: string, table: LatencyTable): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(table, null, 2)}\n`);
}

/** What a table must be of. */
export interface ExpectedTable<C> extends CostOptions {
  readonly space: SearchSpace<C>;
  readonly config: C;
  /** Default: the machine at hand. Counted costs are those of any. */
  readonly machine?: LatencyMachine;
}

/**
 * Reads a table, and refuses one of another space, image size or machine: such costs would steer a search to an architecture
 * for something else.
 *
 * @throws FileSystemError when it cannot be read; FileFormatError when it is no table; ArgumentError when it is of something else
 */
export async function readLatencyTable<C>(path: string, expected: ExpectedTable<C>): Promise<LatencyTable> {
  const text = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  const table = parseTable(path, text);
  const differences: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown): void => {
    if (String(wanted) !== String(got)) differences.push(`${what} ${wanted}, got ${got}`);
  };
  const { space, config, imageShape, classes, machine = latencyMachine() } = expected;
  compare('space', jsonSha256(config), table.space);
  compare('images of', imageShape.join('x'), table.imageShape.join('x'));
  compare('classes', classes, table.classes);
  if (table.kind === 'latency') {
    for (const field of machineSchema.keyof().options) compare(field, machine[field], table.machine[field]);
  }
  if (differences.length === 0) return table;
  throw new ArgumentError(
    `${path}: expected costs of this search: ${differences.join('; ')}. Measure them again here, by lapidary search latency ` +
      `with the configuration of this ${space.name} space, or count multiply-accumulates instead.`,
  );
}

function parseTable(path: string, text: string): LatencyTable {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new FileFormatError(`${path}: expected JSON, found something else; measure the table again.`);
  }
  const checked = latencyTableSchema.safeParse(content);
  if (checked.success) return checked.data;
  throw new FileFormatError(
    `${path}: expected a latency table of version ${SCHEMA_VERSION}; measure it again:\n${z.prettifyError(checked.error)}`,
  );
}

/** A search network with random weights, of all candidates. */
function searchNetwork<C>(
  space: SearchSpace<C>,
  config: C,
  { imageShape: [, , channels], classes }: CostOptions,
): LayerwiseSupernet {
  const normalization = { mean: Array(channels).fill(0.5), std: Array(channels).fill(0.25) };
  const options = { classes, normalization, portion: 1, auxiliarySkip: false };
  const network = space.supernet(config, space.groups(config), options, 0);
  if (network instanceof LayerwiseSupernet) return network;
  network.dispose();
  throw new ArgumentError(
    `Expected a space whose layers can be timed one by one, such as layerwise, got ${space.name}.`,
  );
}

function tableOf(
  config: unknown,
  { imageShape, classes }: CostOptions,
  parts: readonly NetworkPart[],
  costOf: (part: NetworkPart) => number,
): Omit<LatencyTable, 'kind' | 'machine' | 'batch'> {
  return {
    schemaVersion: SCHEMA_VERSION,
    space: jsonSha256(config),
    imageShape: [...imageShape],
    classes,
    fixed: parts.filter(({ group }) => group === null).reduce((total, part) => total + costOf(part), 0),
    rows: parts.flatMap((part) =>
      part.group === null ? [] : [{ layer: part.group, candidate: part.candidate!, cost: costOf(part) }],
    ),
  };
}

/** Candidates of one layer together, and each fixed part alone. */
function byGroup(parts: readonly NetworkPart[]): NetworkPart[][] {
  const groups: NetworkPart[][] = [];
  for (const part of parts) {
    const last = groups.at(-1);
    if (part.group !== null && last?.[0]?.group === part.group) last.push(part);
    else groups.push([part]);
  }
  return groups;
}

/** Writes the median microseconds of parts with inputs of one shape into `times`. */
async function timeInTurns(
  parts: readonly NetworkPart[],
  batch: number,
  rounds: number,
  times: Map<NetworkPart, number>,
): Promise<void> {
  await scope(async () => {
    const x = rand([batch, ...parts[0]!.inputShape], { seed: 0 });
    const timed: {
      part: NetworkPart;
      module: Module<[x: Tensor], unknown>;
      passes: number;
      samples: number[];
    }[] = [];
    for (const part of parts) {
      const { module } = part;
      if (module === null) {
        times.set(part, 0);
        continue;
      }
      await pass(module, x, 1); // packs filters
      const alone = await pass(module, x, 1);
      const passes = Math.min(MOST_PASSES, Math.ceil(TURN_MILLISECONDS / alone));
      timed.push({ part, module, passes, samples: [] });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { module, passes, samples } of round % 2 === 0 ? timed : timed.toReversed()) {
        samples.push(await pass(module, x, passes));
      }
    }
    for (const { part, samples } of timed) {
      times.set(
        part,
        1000 *
          quantile(
            samples.sort((a, b) => a - b),
            0.5,
          ),
      );
    }
  });
}

/** Milliseconds of each of so many passes. */
async function pass(module: Module<[x: Tensor], unknown>, x: Tensor, passes: number): Promise<number> {
  await device().synchronize();
  const start = performance.now();
  for (let count = 0; count < passes; count++) scope(() => void module.forward(x));
  await device().synchronize();
  return (performance.now() - start) / passes;
}
