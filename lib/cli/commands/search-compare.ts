/** `lapidary search compare`: methods x seeds on one space and budget, in one table. */

import type { Command } from 'commander';

import { resolveConfig } from '../../config.js';
import { ConfigError } from '../../errors.js';
import { formatTable } from '../../report/table.js';
import type { StudyConfig } from '../../study/config.js';
import { comparisonSchema, studyOf } from '../../study/search-comparison.js';
import { collectComparison, comparisonTable } from '../../study/search-comparison-report.js';
import { StudyFolder } from '../../study/study-folder.js';
import { addSharedOptions, type CommandResult, runCommand } from '../command.js';
import { timeStamp } from './run-setup.js';
import { addStudyOptions, countsOf, plan, run, type StudyOptions, smoke, summaryOf } from './study.js';

interface CompareOptions extends StudyOptions {
  collect?: boolean;
}

export function addCompareCommand(search: Command): void {
  const command = search
    .command('compare')
    .description(
      'methods x seeds on one space and budget, as a study, with one table by the survey’s taxonomy',
    )
    .option('--collect', 'make the table and the report again, as after cells were added to search table');
  addStudyOptions(command);
  addSharedOptions(command).action(
    runCommand<CompareOptions>(async (options) => {
      if (options.plan === true) return plan(await givenStudy(options), options);
      if (options.smoke === true) return smoke(await givenStudy(options), options);
      const folder = await openFolder(options);
      return options.collect === true ? collect(folder, options) : run(folder, options, collect);
    }),
  );
}

async function collect(folder: StudyFolder, { json }: StudyOptions): Promise<CommandResult> {
  const { outcome, comparison } = await collectComparison(folder);
  const statuses = outcome.trials.map(({ status }) => status);
  const report = `${folder.path}/report.html`;
  if (!json) {
    const lacking =
      comparison.missingCells.length === 0
        ? ''
        : `\nThe table lacks ${comparison.missingCells.length} cells: lapidary search table --out TABLE --resume --cells ${folder.path}/table.missing.json`;
    process.stdout.write(
      `\n${formatTable(comparisonTable(comparison))}\n\n${summaryOf(statuses)}${lacking}\nThe report is ${report}\n`,
    );
  }
  const { columns, rows } = comparisonTable(comparison);
  const { missingCells } = comparison;
  return { out: folder.path, report, counts: countsOf(statuses), columns, rows, missingCells };
}

async function givenStudy({ config, set, data, seed }: StudyOptions): Promise<StudyConfig> {
  if (config === undefined) {
    throw new ConfigError('A comparison needs --config, the YAML file that says which methods.');
  }
  const sets = [...set];
  if (data !== undefined) sets.push(`base.data.source=${JSON.stringify(data)}`);
  if (seed !== undefined) sets.push(`statistics.seed=${seed}`);
  return studyOf(await resolveConfig(comparisonSchema, { file: config, sets }));
}

async function openFolder(options: StudyOptions): Promise<StudyFolder> {
  const { config, out } = options;
  if (config !== undefined) {
    return StudyFolder.make(out ?? `runs/search-compare-${timeStamp()}`, await givenStudy(options));
  }
  if (out === undefined) {
    throw new ConfigError('A comparison needs --config to begin, or --out, the folder of one to go on with.');
  }
  return StudyFolder.open(out);
}
