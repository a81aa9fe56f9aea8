/** `lapidary report RUN…`: lays runs over each other in one page. */

import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';

import { writeReport } from '../../report/report.js';
import { compareRuns, measureTable, readRun } from '../../report/run-comparison.js';
import { formatTable } from '../../report/table.js';
import { addSharedOptions, runCommand } from '../command.js';

export function addReportCommand(program: Command): void {
  const command = program
    .command('report')
    .description(
      'compare runs: settings that differ, measures, and curves in one plot (--out names the HTML file)',
    )
    .argument('<run...>', 'folders of runs, finished or not');
  addSharedOptions(command).action(
    runCommand(async ({ out = 'report.html', json }, paths) => {
      const names = distinctNames(paths);
      const runs = await Promise.all(paths.map((path, i) => readRun(path, names[i]!)));
      await writeReport(out, compareRuns(runs));
      if (!json) process.stdout.write(`${formatTable(measureTable(runs))}\n\nThe report is ${out}\n`);
      return {
        report: out,
        runs: runs.map(({ name, result }) => ({
          name,
          done: result !== undefined,
          measures: result?.measures ?? {},
        })),
      };
    }),
  );
}

/** The folders' names; with as much of the path before them as tells them apart. */
function distinctNames(paths: readonly string[]): string[] {
  const absolute = paths.map((path) => resolve(path));
  const nameOf = (path: string, depth: number): string =>
    depth === 1 ? basename(path) : `${nameOf(dirname(path), depth - 1)}/${basename(path)}`;
  for (let depth = 1; depth < 8; depth++) {
    const names = absolute.map((path) => nameOf(path, depth));
    if (new Set(names).size === new Set(absolute).size) return names;
  }
  return absolute;
}
