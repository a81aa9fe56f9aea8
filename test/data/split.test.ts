import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  FileFormatError,
  FileSystemError,
  makeSplit,
  readSplit,
  writeSplit,
} from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';

describe('split', () => {
  it('divides all images into two parts, by seed', () => {
    const split = makeSplit(100, 20, 7);
    expect([split.train.length, split.validation.length]).toEqual([80, 20]);
    expect(new Set([...split.train, ...split.validation]).size).toBe(100);
    expect(makeSplit(100, 20, 7)).toEqual(split);
    expect(makeSplit(100, 20, 8).sha256).not.toBe(split.sha256);
    expect(() => makeSplit(10, 10, 0)).toThrow(ArgumentError);
    expect(() => makeSplit(10, 0, 0)).toThrow(ArgumentError);
  });

  it('comes back from its file, unless that was changed', async () => {
    const path = join(await temporaryFolder(), 'split.json');
    const split = makeSplit(50, 5, 1);
    await writeSplit(path, split);
    expect(await readSplit(path)).toEqual(split);
    const json = JSON.parse(await readFile(path, 'utf8')) as { validation: number[] };
    json.validation[0] = json.validation[1]!;
    await writeFile(path, JSON.stringify(json));
    await expect(readSplit(path)).rejects.toThrow(FileFormatError);
    await writeFile(path, '{');
    await expect(readSplit(path)).rejects.toThrow(FileFormatError);
    await expect(readSplit(`${path}.none`)).rejects.toThrow(FileSystemError);
  });
});
