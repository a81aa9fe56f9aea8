/** `lapidary data`: fetches data sets, looks into them, and shows the cache of decoded pictures. */

import { type Command, Option } from 'commander';
import { openDataset } from '../../data/data-spec.js';
import { cacheFolder, clearCache, listCache } from '../../data/decoded-cache.js';
import { archives, getDataset } from '../../data/get/get-dataset.js';
import { type DatasetSummary, type PartSummary, summarizeDataset } from '../../data/summarize-dataset.js';
import { formatTable } from '../../report/table.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';
import { Progress } from '../progress.js';
import { setUpDevice } from './run-setup.js';

interface GetCommandOptions extends SharedOptions {
  readonly url: string[];
}

interface CacheCommandOptions extends SharedOptions {
  readonly clear: boolean;
}

export function addDataCommand(program: Command): void {
  const data = program.command('data').description('fetch data sets, look into them, and clear their cache');
  addGetCommand(data);
  addInfoCommand(data);
  addCacheCommand(data);
}

function addGetCommand(data: Command): void {
  const command = data
    .command('get')
    .argument('<name>', Object.keys(archives).join(', '))
    .description('fetch and unpack a public data set into --out (default: here); a broken download goes on')
    .addOption(
      new Option('--url <address>', 'fetch from a mirror (repeatable)')
        .argParser((text: string, previous: string[]) => [...previous, text])
        .default([] as string[], 'the address of the publisher'),
    );
  addSharedOptions(command).action(
    runCommand<GetCommandOptions>(async (options, [name]) => {
      const progress = new Progress({ silent: options.quiet });
      let shown: number | undefined;
      const got = await getDataset(name!, {
        ...(options.out !== undefined && { out: options.out }),
        ...(options.url.length > 0 && { urls: options.url }),
        onNote: (note) => progress.log(note),
        onProgress: (done, total) => {
          const megabytes = Math.floor(done / 1e6);
          if (shown === undefined || megabytes < shown) {
            const of = total === undefined ? {} : { total: Math.floor(total / 1e6) };
            progress.stage(name!, { done: megabytes, unit: 'MB', ...of });
          } else if (megabytes > shown) progress.advance(megabytes - shown);
          shown = megabytes;
        },
      });
      progress.finish();
      if (!options.json) {
        const how = got.found ? 'was there already' : 'is there';
        process.stdout.write(`${got.folder} ${how}; use it as --data ${got.spec}\n`);
      }
      return { ...got };
    }),
  );
}

function addInfoCommand(data: Command): void {
  const command = data
    .command('info')
    .argument('<kind:path>', 'a data set as --data takes it')
    .description('classes, counts, shape, mean and deviation, digests, duplicates across train and test');
  addSharedOptions(command).action(
    runCommand(async (options, [spec]) => {
      setUpDevice(options);
      const progress = new Progress({ silent: options.quiet });
      const notes: string[] = [];
      let begun = 0;
      const dataset = await openDataset(spec!, {
        onNote: (note) => {
          notes.push(note);
          progress.log(note);
        },
        onProgress: (done, total) => {
          if (begun === 0 || done < begun) progress.stage('read', { total, done, unit: 'images' });
          else progress.advance(done - begun);
          begun = done;
        },
      });
      try {
        const summary = await summarizeDataset(dataset);
        progress.finish();
        if (!options.json) process.stdout.write(`${textOf(summary)}\n`);
        return { ...summary, notes };
      } finally {
        dataset.dispose();
      }
    }),
  );
}

function textOf({ name, classes, parts, testInTrain }: DatasetSummary): string {
  const named = Object.entries(parts) as [string, PartSummary][];
  const rounded = (values: readonly number[]): string => values.map((value) => value.toFixed(4)).join(' ');
  const overview = formatTable({
    columns: ['part', 'images', 'height x width x channels', 'mean', 'deviation', 'duplicates', 'sha256'],
    rows: named.map(([part, { images, imageShape, mean, std, duplicates, sha256 }]) => [
      part,
      images,
      imageShape.join(' x '),
      rounded(mean),
      rounded(std),
      duplicates,
      sha256,
    ]),
  });
  const counts = formatTable({
    columns: ['label', 'class', ...named.map(([part]) => part)],
    rows: classes.map((one, label) => [label, one, ...named.map(([, { perClass }]) => perClass[label])]),
  });
  return `${name}: ${classes.length} classes\n\n${overview}\n\n${counts}\n\n${testInTrain} test images equal a training image.`;
}

function addCacheCommand(data: Command): void {
  const command = data
    .command('cache')
    .description('show what is in the cache of decoded pictures (LAPIDARY_CACHE), or remove it')
    .option('--clear', 'remove all of it', false);
  addSharedOptions(command).action(
    runCommand<CacheCommandOptions>(async ({ clear, json }): Promise<CommandResult> => {
      const folder = cacheFolder();
      if (clear) {
        const freed = await clearCache();
        if (!json) process.stdout.write(`${folder}: ${(freed / 1e6).toFixed(1)} MB freed\n`);
        return { folder, freed };
      }
      const entries = await listCache();
      if (!json) {
        const rows = entries.map(({ file, bytes, footer }) => [
          footer?.source ?? 'damaged',
          footer?.count,
          footer && `${footer.height} x ${footer.width}`,
          bytes / 1e6,
          file,
        ]);
        const table = formatTable({ columns: ['data set', 'images', 'size', 'MB', 'file'], rows });
        process.stdout.write(`${folder}\n\n${entries.length === 0 ? 'empty' : table}\n`);
      }
      return { folder, entries };
    }),
  );
}
