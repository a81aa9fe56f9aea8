/** `lapidary export`: a trained network for PyTorch or for ONNX runtimes. */

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';

import { ConfigError, FileSystemError, isSystemError } from '../../errors.js';
import { exportOnnx, exportPyTorch } from '../../io/graph/export.js';
import type { ModelSpec } from '../../nn/models/index.js';
import { loadModel, SPEC_KEY } from '../../train/model-file.js';
import { addSharedOptions, runCommand, type SharedOptions } from '../command.js';
import { setUpDevice } from './run-setup.js';

interface ExportOptions extends SharedOptions {
  pytorch: boolean;
  onnx: boolean;
  size?: readonly [height: number, width: number];
}

const ONNX_FILE = 'model.onnx';

export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description(
      'write a trained network for PyTorch (--pytorch: model.py and its weights) or as ONNX (--onnx)',
    )
    .argument('<model>', 'a model file that lapidary wrote, or the folder of a run')
    .option('--pytorch', `write model.py, which needs nothing but torch, and model.safetensors`, false)
    .option('--onnx', `write ${ONNX_FILE}`, false)
    .option(
      '--size <pixels>',
      'height and width of the images, as in 224 or 224x160 (default: as usual for the model)',
      imageSize,
    );
  addSharedOptions(command).action(
    runCommand<ExportOptions>(async (options, [source]) => {
      const { out, pytorch, onnx, json } = options;
      if (source === undefined) {
        throw new ConfigError('A model is needed: lapidary export --pytorch model.safetensors --out folder.');
      }
      if (!pytorch && !onnx) throw new ConfigError('A target is needed: --pytorch, --onnx, or both.');
      if (out === undefined) throw new ConfigError('A folder to write to is needed: --out folder.');
      setUpDevice(options);
      const path = await modelFile(source);
      using model = await loadModel(path);
      const [height, width] = options.size ?? usualSize(model.spec);
      const imageShape = [height, width, model.spec.normalization.mean.length];
      const title = `${model.spec.model} of ${model.spec.classes} classes, from ${basename(path)}.`;
      const files = pytorch ? await exportPyTorch(out, model, imageShape, title) : [];
      if (onnx) {
        const file = join(out, ONNX_FILE);
        const metadata = { [SPEC_KEY]: JSON.stringify(model.spec) };
        await exportOnnx(file, model, imageShape, { name: model.spec.model, metadata });
        files.push(file);
      }
      if (!json) process.stdout.write(`${files.join('\n')}\n`);
      return { files, imageShape };
    }),
  );
}

/** The model file itself, or the one of a run's folder. @throws ConfigError when a folder has none, or several and no `model.safetensors` */
async function modelFile(source: string): Promise<string> {
  const found = await FileSystemError.during('read', source, () => stat(source));
  if (!found.isDirectory()) return source;
  const models = [...(await modelsIn(source)), ...(await modelsIn(join(source, 'models')))];
  const [only, ...more] = models;
  const trained = join(source, 'model.safetensors');
  if (models.includes(trained)) return trained;
  if (only !== undefined && more.length === 0) return only;
  throw new ConfigError(
    `Expected the folder of a run with one model, got ${source} with ${models.length === 0 ? 'none' : `${models.length}; name one of these: ${models.join(', ')}`}.`,
  );
}

async function modelsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return [];
    throw FileSystemError.from(error, 'list', folder);
  });
  return names
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .map((name) => join(folder, name));
}

/** What a network was made for: CIFAR's 32 x 32, or ImageNet's 224 x 224 (ProxylessNAS w0.3: 176 x 176). */
function usualSize(spec: ModelSpec): readonly [height: number, width: number] {
  switch (spec.model) {
    case 'resnet-cifar':
    case 'nas-bench-201':
    case 'wide-resnet':
      return [32, 32];
    case 'resnet':
      return spec.stem.kind === 'cifar' ? [32, 32] : [224, 224];
    case 'cells':
      return spec.stem === 'cifar' ? [32, 32] : [224, 224];
    case 'proxyless':
      return [176, 176];
    default:
      return [224, 224];
  }
}

function imageSize(text: string): readonly [height: number, width: number] {
  const match = /^(\d+)(?:x(\d+))?$/.exec(text);
  const height = Number(match?.[1]);
  const width = Number(match?.[2] ?? match?.[1]);
  if (height >= 1 && width >= 1 && height <= 65_536 && width <= 65_536) return [height, width];
  throw new InvalidArgumentError('It must be pixels, as in 224 or 224x160.');
}
