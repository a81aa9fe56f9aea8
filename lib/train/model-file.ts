/** Models in files: weights as safetensors, with all that is needed to build the network in the metadata. */

import { z } from 'zod';

import { FileFormatError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import { type ModelSpec, modelFromSpec, type SpecModel } from '../nn/models/index.js';

const SPEC_KEY = 'lapidary.spec';
const count = z.int().min(1);

const specSchema: z.ZodType<ModelSpec> = z.strictObject({
  model: z.literal('resnet-cifar'),
  classes: count,
  stem: count,
  stages: z.array(z.strictObject({ width: count, inner: z.array(count) })),
  normalization: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }),
});

/** Writes a model in one step; filters are [K, R, S, C], as in memory. @throws FileSystemError */
export async function saveModel(path: string, model: SpecModel): Promise<void> {
  await writeSafetensors(path, await model.hostState(), { [SPEC_KEY]: JSON.stringify(model.spec) });
}

/**
 * Builds the model of a file that `saveModel` wrote. The caller disposes it.
 *
 * @throws FileFormatError when the file is damaged or has no spec; FileSystemError when it cannot be read
 */
export async function loadModel(path: string): Promise<SpecModel> {
  const { tensors, metadata } = await readSafetensors(path);
  const spec = specSchema.safeParse(parsed(metadata[SPEC_KEY]));
  if (!spec.success) {
    throw new FileFormatError(
      `${path}: expected the spec of a model under ${SPEC_KEY} in the metadata; give a file that lapidary wrote.`,
    );
  }
  return modelFromSpec(spec.data, 0).loadStateDict(tensors);
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
