/** Models in files: weights as safetensors, with all that is needed to build the network in the metadata. */

import { FileFormatError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import { modelFromSpec, modelSpecSchema, type SpecModel } from '../nn/models/index.js';

/** Under this name the metadata hold the model's spec in JSON. */
export const SPEC_KEY = 'lapidary.spec';

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
  const spec = modelSpecSchema.safeParse(parsed(metadata[SPEC_KEY]));
  if (!spec.success) {
    throw new FileFormatError(
      `${path}: expected the spec of a model under ${SPEC_KEY} in the metadata; give a file that lapidary wrote.`,
    );
  }
  const model: SpecModel = modelFromSpec(spec.data, null);
  try {
    model.loadStateDict(tensors);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
