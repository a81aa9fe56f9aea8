/**
 * Whether the ImageNet network of shared/data/pretrained, with its authors' weights, recognises photographs:
 *
 *   node --import tsx scripts/check-pretrained.ts [folder with pretrained/ and imagenette-200/, default ../shared/data]
 *
 * Resizes the shorter side to 200 pixels, crops the middle 176 x 176, and prints how often the right one of 1,000 classes
 * comes first, and among the first five. Exits with 1 when either is off: a plain numpy version got 0.51 and 0.825.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

import * as L from '../lib/index.js';
import { readSafetensors } from '../lib/io/safetensors.js';

const RESIZED = 200;
const CROPPED = 176;
const CLASSES = 1000;
/** Lowest shares of right answers that pass: the resampling of the pictures moves a few. */
const WANTED = { top1: 0.48, top5: 0.79 };

interface Photograph {
  readonly path: string;
  /** Its class among the 1,000. */
  readonly label: number;
}

function photographs(folder: string): Photograph[] {
  const [header, ...rows] = readFileSync(join(folder, 'classes.csv'), 'utf8').trim().split('\n');
  const columns = header!.split(',');
  const [synset, index] = [columns.indexOf('wnid'), columns.indexOf('imagenet_index')];
  return rows.flatMap((row) => {
    const fields = row.split(',');
    const classFolder = join(folder, fields[synset]!);
    const label = Number(fields[index]);
    return readdirSync(classFolder)
      .sort()
      .map((name) => ({ path: join(classFolder, name), label }));
  });
}

/** RGB pixels [CROPPED, CROPPED, 3] in [0, 1]. */
async function pixels(path: string, kernel: keyof sharp.KernelEnum): Promise<Float32Array> {
  const { width, height } = await sharp(path).metadata();
  const scale = RESIZED / Math.min(width, height);
  const resized = { width: Math.round(width * scale), height: Math.round(height * scale) };
  const bytes = await sharp(path)
    .toColourspace('srgb')
    .removeAlpha()
    .resize({ ...resized, fit: 'fill', kernel, fastShrinkOnLoad: false })
    .extract({
      left: Math.round((resized.width - CROPPED) / 2),
      top: Math.round((resized.height - CROPPED) / 2),
      width: CROPPED,
      height: CROPPED,
    })
    .raw()
    .toBuffer();
  return Float32Array.from(bytes, (value) => value / 255);
}

/** The place of `label` when the classes are ordered by their logits, the best at 0. */
function rankOf(label: number, logits: Float32Array): number {
  return logits.reduce((better, logit) => better + Number(logit > logits[label]!), 0);
}

sharp.concurrency(1);
const data = process.argv[2] ?? '../shared/data';
const normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const spec = L.proxylessW03Spec({ classes: CLASSES, normalization });
using model = L.modelFromSpec(spec, null).eval();
const weights = await readSafetensors(join(data, 'pretrained', 'proxyless-w0.3-r176_imagenet.safetensors'));
L.fromTorchState(model, weights.tensors);

const all = photographs(join(data, 'imagenette-200'));
for (const kernel of ['linear', 'cubic', 'lanczos3'] as const) {
  let [first, firstFive] = [0, 0];
  for (const { path, label } of all) {
    const image = await pixels(path, kernel);
    const logits = await L.scope(() => model.forward(L.tensor(image, [1, CROPPED, CROPPED, 3])).data());
    const rank = rankOf(label, logits);
    if (rank < 1) first++;
    if (rank < 5) firstFive++;
  }
  const [top1, top5] = [first / all.length, firstFive / all.length];
  console.log(`${kernel}: ${all.length} photographs, top-1 ${top1.toFixed(3)}, top-5 ${top5.toFixed(3)}`);
  if (top1 < WANTED.top1 || top5 < WANTED.top5) {
    console.error(`Expected top-1 of at least ${WANTED.top1} and top-5 of at least ${WANTED.top5}.`);
    process.exitCode = 1;
  }
}
