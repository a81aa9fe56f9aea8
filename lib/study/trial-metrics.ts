/** What a trial wrote to `metrics.jsonl`, for curves. */

import { RunFolder } from '../io/run-folder.js';

/** A line, with the numbers in it. */
export interface MetricRecord {
  readonly step: number;
  /** Of a workflow with several trainings. */
  readonly stage: string | undefined;
  readonly values: Readonly<Record<string, number>>;
}

/** Reads the metrics of a trial's run folder. @throws FileFormatError, FileSystemError */
export async function readTrialMetrics(path: string): Promise<MetricRecord[]> {
  const run = await RunFolder.open(path, undefined, { resume: true });
  return (await run.readMetrics()).map((record) => ({
    step: record.step,
    stage: typeof record.stage === 'string' ? record.stage : undefined,
    values: Object.fromEntries(
      Object.entries(record).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    ),
  }));
}
