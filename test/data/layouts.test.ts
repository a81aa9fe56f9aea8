import { beforeEach, describe, expect, it, vi } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';
import { fill, plain } from './pictures.js';

beforeEach(() => void vi.stubEnv('LAPIDARY_CACHE', temporaryFolder()));

const grey = [90, 90, 90] as const;

describe('tinyImagenet', () => {
  it('reads labels from wnids.txt and the annotations', async () => {
    const folder = temporaryFolder();
    const picture = await plain(8, 8, grey);
    await fill(folder, {
      'wnids.txt': 'n2\nn1\n',
      'words.txt': 'n1\tfish, swimmer\nn9\tother\n',
      'train/n1/images/n1_0.JPEG': picture,
      'train/n2/images/n2_0.JPEG': picture,
      'train/n2/images/n2_1.JPEG': picture,
      'val/images/val_0.JPEG': picture,
      'val/val_annotations.txt': 'val_0.JPEG\tn1\t0\t0\t1\t1\n',
    });
    const set = await L.tinyImagenet(folder);
    expect(set.classes).toEqual(['n2', 'fish, swimmer']);
    expect([...set.train.hostLabels]).toEqual([0, 0, 1]);
    using test = await set.test.readOnce();
    expect([...test.hostLabels]).toEqual([1]);
    set.dispose();
    for (const line of ['val_0.JPEG\tn7', '../x.JPEG\tn1', 'val_0.JPEG']) {
      await fill(folder, { 'val/val_annotations.txt': `\n${line}\n` });
      await expect(L.tinyImagenet(folder)).rejects.toThrow(/val_annotations.txt.*line 2/);
    }
    await expect(L.tinyImagenet(temporaryFolder())).rejects.toThrow(/wnids.txt/);
  });
});

describe('metaAlbum', () => {
  it('reads the columns that info.json names, and splits within classes', async () => {
    const folder = temporaryFolder();
    const rows = Array.from({ length: 8 }, (_, i) => `x,${i}.png,"${i % 2 === 0 ? 'b, or not' : 'a'}"`);
    await fill(folder, {
      'info.json': JSON.stringify({ image_column_name: 'FILE', category_column_name: 'KIND', other: 1 }),
      'labels.csv': `\uFEFFEXTRA,FILE,KIND\r\n${rows.join('\r\n')}\r\n`,
    });
    for (let i = 0; i < 8; i++) await fill(folder, { [`images/${i}.png`]: await plain(6, 6, [i, i, i]) });
    const set = await L.metaAlbum(folder);
    expect(set.classes).toEqual(['a', 'b, or not']);
    expect([...set.train.hostLabels]).toEqual([0, 0, 1, 1]);
    using test = await set.test.readOnce();
    expect([...test.hostLabels]).toEqual([0, 0, 1, 1]);
    const values = [...set.train.images.dataSync(), ...test.images.dataSync()].filter(
      (_, i) => i % 108 === 0,
    );
    expect(values.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const other = await L.metaAlbum(folder, { seed: 5, test: 0.25 });
    expect([...other.train.hostLabels]).toEqual([0, 0, 0, 1, 1, 1]);
    set.dispose();
    other.dispose();
    await fill(folder, { 'labels.csv': 'FILE,KIND\n../x.png,a\n' });
    await expect(L.metaAlbum(folder)).rejects.toThrow(/row 2/);
    await fill(folder, { 'labels.csv': 'A,B\n1.png,a\n' });
    await expect(L.metaAlbum(folder)).rejects.toThrow(/columns FILE and KIND, found A, B/);
    await fill(folder, { 'info.json': '{' });
    await expect(L.metaAlbum(folder)).rejects.toThrow(/info.json/);
  });
});

describe('cifar100', () => {
  it('reads fine and coarse labels', async () => {
    const folder = temporaryFolder();
    const record = (coarse: number, fine: number): Uint8Array =>
      Uint8Array.of(coarse, fine, ...new Array<number>(3072).fill(fine));
    await fill(folder, {
      'train.bin': Buffer.concat([record(19, 99), record(4, 0)]),
      'test.bin': record(1, 2),
    });
    const [fine, coarse] = [
      await L.openDataset(`cifar100:${folder}`),
      await L.openDataset(`cifar100:${folder}?labels=coarse`),
    ];
    expect([...fine.train.hostLabels]).toEqual([99, 0]);
    expect([...coarse.train.hostLabels]).toEqual([19, 4]);
    expect([fine.classes.length, coarse.classes.length]).toEqual([100, 20]);
    expect([fine.classes[99], coarse.classes[19], fine.classes[0]]).toEqual(['worm', 'vehicles_2', 'apple']);
    expect(fine.train.images.dataSync()[3071]).toBe(99);
    fine.dispose();
    coarse.dispose();
    await fill(folder, { 'train.bin': record(20, 3) });
    await expect(L.cifar100(folder)).rejects.toThrow(/label from 0 to 19 at offset 0, found 20/);
    await fill(folder, { 'train.bin': record(2, 100) });
    await expect(L.cifar100(folder)).rejects.toThrow(/label from 0 to 99 at offset 1, found 100/);
  });
});

describe('parseDataSpec', () => {
  it('reads options after the last question mark', () => {
    expect(L.parseDataSpec('folder:/a?b?size=64&corrupt=skip')).toEqual({
      kind: 'folder',
      path: '/a?b',
      size: 64,
      corrupt: 'skip',
    });
    expect(L.parseDataSpec('folder:/what?')).toEqual({ kind: 'folder', path: '/what?' });
    expect(L.parseDataSpec('meta-album:x?seed=3&test=.25')).toEqual({
      kind: 'meta-album',
      path: 'x',
      seed: 3,
      test: 0.25,
    });
    expect(L.parseDataSpec('scenes:4')).toEqual({ kind: 'scenes', seed: 4 });
    expect(L.parseDataSpec('mnist:/m')).toEqual({ kind: 'mnist', path: '/m' });
  });

  it.each([
    ['cifar1O:/x', "Did you mean 'cifar10'?"],
    ['scene', "Did you mean 'scenes'?"],
    ['tiny_imagenet:/x', "Did you mean 'tiny-imagenet'?"],
    ['folder:/x?sise=3', "Did you mean 'size'?"],
    ['folder:/x?size=0', 'a whole number of pixels from 1 to 4096 as size'],
    ['folder:/x?size=big', "got 'big'"],
    ['folder:/x?test=1.5', 'a share between 0 and 1'],
    ['mnist:/x?size=3', "Expected no options with 'mnist'"],
    ['folder:?size=3', 'Expected the folder'],
    ['folder:/x?constructor=3', "got 'constructor'"],
  ])('refuses %s', (text, message) => {
    expect(() => L.parseDataSpec(text)).toThrow(L.ArgumentError);
    expect(() => L.parseDataSpec(text)).toThrow(message);
  });
});
