/** The costs of candidates that the configuration of a stage names. */

import type { PhaseConfig } from './config.js';
import { type CostOptions, type LatencyTable, macsTable, readLatencyTable } from './latency-table.js';
import { spaceOf } from './spaces/registry.js';

/** Counted or read from a file; undefined where the loss has none. @throws ArgumentError, FileFormatError as `readLatencyTable` */
export async function candidateCosts(
  { space: config, cost }: PhaseConfig,
  data: CostOptions,
): Promise<LatencyTable | undefined> {
  if (cost === null) return undefined;
  const space = spaceOf(config);
  if (cost.table === 'macs') return macsTable(space, config, data);
  return readLatencyTable(cost.table, { space, config, ...data });
}
