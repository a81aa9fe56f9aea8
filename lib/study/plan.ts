/** What a study will cost, before it is run: from a few timed steps of every cell. */

import { type ProgressSink, silentProgress } from '../train/progress-sink.js';
import { PlanClock } from './plan-clock.js';
import type { Cell, Study } from './trials.js';
import type { StageCost, TrialCost } from './workflow.js';
import { workflowOf } from './workflows/registry.js';

/** What a cell will cost. */
export interface CellPlan {
  readonly cell: Cell;
  readonly trials: number;
  /** One trial of it. */
  readonly cost: TrialCost;
  /** Wall-clock seconds of one trial, process start included. */
  readonly seconds: Omit<StageCost, 'name'>;
}

/** What a study will cost when its trials run one after the other on this machine. */
export interface StudyPlan {
  readonly cells: readonly CellPlan[];
  readonly trials: number;
  readonly seconds: Omit<StageCost, 'name'>;
  /** The largest of the cells: trials run one at a time. Of the engine; Node itself adds about 100 MB. */
  readonly memoryBytes: number;
  /** All run folders together, at their fullest. */
  readonly diskBytes: number;
}

/** Node and the addon start, and the report is written: about this long, measured on a slow core. */
const PROCESS: StageCost = { name: 'process', seconds: 2, low: 0.7, high: 4 };

/**
 * Times 20 training steps of each recipe of each cell, and a few passes of each evaluation and attack, on the cell's own
 * images, model and threads, and multiplies.
 *
 * What it cannot know is in `low` and `high`: attacks spend time on images that the network has right only (assumed:
 * half of them; between a fifth and all), a training may end early or go back, and neighbours may take the processor.
 *
 * @throws as the workflows do for data that is not there
 */
export async function planStudy(study: Study, progress: ProgressSink = silentProgress): Promise<StudyPlan> {
  const workflow = workflowOf(study.config.workflow);
  const clock = new PlanClock();
  progress.stage('time', { total: study.cells.length, unit: 'cells' });
  const cells: CellPlan[] = [];
  for (const cell of study.cells) {
    const trials = study.trials.filter((trial) => trial.cell === cell);
    const cost = await workflow.cost(trials[0]!.config, clock);
    const stages = [PROCESS, ...cost.stages];
    cells.push({ cell, trials: trials.length, cost: { ...cost, stages }, seconds: total(stages) });
    progress.advance(1, cell.name);
  }
  return {
    cells,
    trials: study.trials.length,
    seconds: total(cells.map(({ trials, seconds }) => scaled(seconds, trials))),
    memoryBytes: Math.max(...cells.map(({ cost }) => cost.memoryBytes)),
    diskBytes: cells.reduce((sum, { trials, cost }) => sum + trials * cost.diskBytes, 0),
  };
}

/** Estimates err together (one machine, one assumption), so the bounds add up, too. */
function total(parts: readonly Omit<StageCost, 'name'>[]): Omit<StageCost, 'name'> {
  const sum = (key: 'seconds' | 'low' | 'high') => parts.reduce((all, part) => all + part[key], 0);
  return { seconds: sum('seconds'), low: sum('low'), high: sum('high') };
}

function scaled({ seconds, low, high }: Omit<StageCost, 'name'>, factor: number): Omit<StageCost, 'name'> {
  return { seconds: seconds * factor, low: low * factor, high: high * factor };
}
