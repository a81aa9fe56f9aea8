/** The plan of a study, for a person. */

import { formatTable } from '../../report/table.js';
import type { StudyPlan } from '../../study/plan.js';
import { TIMED_STEPS } from '../../study/plan-clock.js';

/** One line for each stage of each cell, one for each cell, and the sum. */
export function planTables({ cells, trials, seconds, memoryBytes, diskBytes }: StudyPlan): string {
  const stages = formatTable({
    columns: ['cell', 'stage', 'a trial (s)', 'from', 'to'],
    rows: cells.flatMap(({ cell, cost }) =>
      cost.stages.map((stage) => [
        cell.name,
        stage.name,
        ...[stage.seconds, stage.low, stage.high].map((value) => rounded(value, 1)),
      ]),
    ),
  });
  const sums = formatTable({
    columns: ['cell', 'trials', 'a trial (min)', 'from', 'to', 'all (h)', 'memory (MB)', 'disk (MB)'],
    rows: cells.map(({ cell, trials, seconds, cost }) => [
      cell.name,
      trials,
      ...[seconds.seconds, seconds.low, seconds.high].map((value) => rounded(value / 60, 1)),
      rounded((trials * seconds.seconds) / 3600, 2),
      rounded(cost.memoryBytes / 1e6, 0),
      rounded((trials * cost.diskBytes) / 1e6, 1),
    ]),
  });
  return [
    stages,
    sums,
    `${trials} trials one after the other: ${duration(seconds.seconds)} (${duration(seconds.low)} to ${duration(seconds.high)}), ${rounded(memoryBytes / 1e6, 0)} MB of memory at a time, ${rounded(diskBytes / 1e6, 1)} MB of disk.`,
    `Estimated from ${TIMED_STEPS} timed training steps and a few evaluation passes of each cell. Attacks cost by the images that the network\nhas right: half of them are assumed, a fifth and all are the bounds. Neighbours on the machine are not foreseen.`,
  ].join('\n\n');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${rounded(seconds, 0)} s`;
  return seconds < 7200 ? `${rounded(seconds / 60, 0)} min` : `${rounded(seconds / 3600, 1)} h`;
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
