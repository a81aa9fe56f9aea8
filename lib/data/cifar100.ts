/** CIFAR-100 in its canonical binary format: https://www.cs.toronto.edu/~kriz/cifar.html */

import { join } from 'node:path';

import { readRecords } from './cifar-records.js';
import { type Dataset, HeldOutSet } from './dataset.js';

const fine =
  'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle ' +
  'caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish ' +
  'forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle ' +
  'mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine ' +
  'possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar ' +
  'sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale ' +
  'willow_tree wolf woman worm';
const coarse =
  'aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture ' +
  'insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores ' +
  'medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2';
const classes = { fine: fine.split(' '), coarse: coarse.split(' ') };
const normalization = { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] } as const;

export interface Cifar100Options {
  /** Which of its two labels an image has: one of 100 classes or of 20 superclasses. Default fine. */
  readonly labels?: 'fine' | 'coarse';
}

/**
 * Opens CIFAR-100: `train.bin`, and `test.bin`, which is read only when the test images are. A record is the coarse label,
 * the fine label, and the planes R, G, B.
 *
 * @param path the folder of the files
 * @throws FileFormatError naming the file and the offset, when it is truncated or no CIFAR-100 file
 * @throws FileSystemError when a file cannot be read
 */
export async function cifar100(path: string, { labels = 'fine' }: Cifar100Options = {}): Promise<Dataset> {
  const format = {
    name: 'CIFAR-100',
    labels: [classes.coarse.length, classes.fine.length],
    label: labels === 'coarse' ? 0 : 1,
  };
  const train = await readRecords([join(path, 'train.bin')], format);
  const test = new HeldOutSet(() => readRecords([join(path, 'test.bin')], format));
  const name = `cifar100:${path}${labels === 'coarse' ? '?labels=coarse' : ''}`;
  return { name, classes: classes[labels], normalization, train, test, dispose: () => train.dispose() };
}
