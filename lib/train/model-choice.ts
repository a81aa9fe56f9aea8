/** Which network to train, as a configuration says it: a name, or a genotype and how large its network is. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { resolveConfig } from '../config.js';
import { ArgumentError, FileFormatError, FileSystemError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import type { RunFolder } from '../io/run-folder.js';
import {
  type DartsGenotype,
  type DistributedGenotype,
  type Genotype,
  genotypeSchema,
  type LayerwiseGenotype,
  type NasBench201Genotype,
} from '../nn/genotype.js';
import { cellsSpec } from '../nn/models/cells.js';
import { type ModelOptions, type ModelSpec, modelNames, modelSpec } from '../nn/models/index.js';
import { layerwiseSkeletonFields } from '../nn/models/layerwise.js';
import { nasBench201Spec } from '../nn/models/nas-bench-201.js';
import { commonOf, countSchema } from '../nn/models/spec.js';
import { isPublishedGenotype, publishedGenotype } from '../nn/published-genotypes.js';
import { parseGenotype } from '../search/genotype-text.js';

/** A network of the registry by name, or of a genotype. */
export const modelChoiceSchema = z.union([
  z.enum(modelNames),
  z.looseObject({
    /**
     * A genotype as JSON; or one that was published, by name, such as DARTS_V2; or the text of one, as its repository prints it;
     * or the path of a file with it, as a search writes it. Its space decides which other keys there are.
     */
    genotype: z.union([z.string().min(1), genotypeSchema]),
  }),
]);

export type ModelChoice = z.infer<typeof modelChoiceSchema>;

type SpecOf = (options: ModelOptions) => ModelSpec;

/** The network of a genotype; `size`: the keys beside it in a configuration. */
type GenotypeNetwork<G extends Genotype> = (genotype: G, size: unknown) => Promise<SpecOf>;

function network<G extends Genotype, Size>(
  sizeSchema: z.ZodType<Size>,
  spec: (genotype: G, size: Size, options: ModelOptions) => ModelSpec,
): GenotypeNetwork<G> {
  return async (genotype, values) => {
    // Under its key, so that errors name it by its path.
    const schema = z.strictObject({ model: sizeSchema });
    const { model } = await resolveConfig(schema, { values: { model: values } });
    return (options) => spec(genotype, model, options);
  };
}

/** See `CellsSpec`; by default as large as DARTS trains. */
const cellSizeSchema = z.strictObject({
  channels: countSchema.optional(),
  cells: countSchema.optional(),
  stem: z.enum(['cifar', 'imagenet']).default('cifar'),
  stemMultiplier: countSchema.default(3),
});

const cellNetwork = network(
  cellSizeSchema,
  (genotype: DartsGenotype | DistributedGenotype, { stem, channels, cells, stemMultiplier }, options) =>
    cellsSpec(genotype, options, {
      stem,
      stemMultiplier,
      ...(channels === undefined ? {} : { channels }),
      ...(cells === undefined ? {} : { cells }),
    }),
);

/** By the space of the genotype. */
const networks: {
  readonly [Space in Genotype['space']]: GenotypeNetwork<Extract<Genotype, { space: Space }>>;
} = {
  darts: cellNetwork,
  'd-darts': cellNetwork,
  'nas-bench-201': network(
    z.strictObject({ channels: countSchema.default(16), cells: countSchema.default(5) }),
    (genotype: NasBench201Genotype, size, options) => nasBench201Spec(genotype, { ...options, ...size }),
  ),
  layerwise: network(
    z.strictObject(layerwiseSkeletonFields),
    (genotype: LayerwiseGenotype, size, options) => ({
      model: 'layerwise',
      ...commonOf(options),
      genotype,
      ...size,
    }),
  ),
};

const GENOTYPE_FILE = 'genotype.json';

/**
 * What a choice means: a function that gives the spec for classes and pixels.
 *
 * @param run where the genotype is kept, in `genotype.json`; a resumed run takes it from there
 * @throws ConfigError when the sizes do not fit the genotype's space; FileSystemError, FileFormatError for a wrong file;
 *   ArgumentError for a wrong text
 */
export async function resolveModelChoice(choice: ModelChoice, run?: RunFolder): Promise<SpecOf> {
  if (typeof choice === 'string') return (options) => modelSpec(choice, options);
  const { genotype: said, ...size } = choice;
  const genotype = run === undefined ? await resolveGenotype(said) : await keptGenotype(said, run);
  const build = networks[genotype.space] as GenotypeNetwork<Genotype>;
  return build(genotype, size);
}

async function keptGenotype(said: string | Genotype, run: RunFolder): Promise<Genotype> {
  const path = join(run.path, GENOTYPE_FILE);
  // A run that was killed before it kept its genotype has made no steps either.
  if (run.resumed && existsSync(path)) return readGenotype(path);
  const genotype = await resolveGenotype(said);
  await writeFileAtomic(path, `${JSON.stringify(genotype, null, 2)}\n`);
  return genotype;
}

/** A genotype of a configuration. @throws as `resolveModelChoice` */
async function resolveGenotype(said: string | Genotype): Promise<Genotype> {
  if (typeof said !== 'string') return said;
  if (isPublishedGenotype(said)) return publishedGenotype(said);
  if (/[(|]/.test(said)) return parseGenotype(said);
  try {
    return await readGenotype(said);
  } catch (error) {
    // A word alone is more often a name than a file.
    if (!(error instanceof FileSystemError) || /[./\\]/.test(said)) throw error;
    return publishedGenotype(said);
  }
}

/**
 * The genotype in a file: as JSON, or as its repository prints it.
 *
 * @throws FileSystemError when it cannot be read; FileFormatError when it holds none
 */
export async function readGenotype(path: string): Promise<Genotype> {
  const text = await FileSystemError.during('read', path, () => readFile(path, 'utf8'));
  try {
    return text.trimStart().startsWith('{') ? genotypeSchema.parse(JSON.parse(text)) : parseGenotype(text);
  } catch (error) {
    const reason =
      error instanceof z.ZodError
        ? `\n${z.prettifyError(error)}`
        : error instanceof SyntaxError || error instanceof ArgumentError
          ? ` ${error.message}`
          : undefined;
    if (reason === undefined) throw error;
    throw new FileFormatError(
      `Expected a genotype in ${path}, as JSON or as its repository prints it, but:${reason}`,
      { cause: error },
    );
  }
}
