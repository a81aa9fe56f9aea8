/** The table and the report of the pruning workflow. */

import { device } from '../../device.js';
import type { MetricsRecord, RunFolder } from '../../io/run-folder.js';
import type { PruneConfig } from '../../prune/config.js';
import type { PruneResult } from '../../prune/pipeline.js';
import { barChart, lineChart, type Series } from '../../report/plots.js';
import { type ReportSection, writeReport } from '../../report/report.js';
import type { Table } from '../../report/table.js';

/** One line for each network: accuracies, size, speed. */
export function networkTable({ networks }: PruneResult, { evaluation, prune }: PruneConfig): Table {
  const masked = prune.structure === 'weights';
  return {
    columns: [
      'network',
      'clean (%)',
      'FGSM (%)',
      `PGD-${evaluation.steps} (%)`,
      'parameters',
      ...(masked ? ['not 0'] : []),
      'MACs (M)',
      'latency, 1 image (ms)',
      'latency, 128 images (ms)',
      'file (KB)',
    ],
    rows: networks.map((network) => [
      network.name,
      rounded(100 * network.clean, 1),
      rounded(100 * network.fgsm, 1),
      rounded(100 * network.pgd, 1),
      network.parameters,
      ...(masked ? [network.nonzero] : []),
      rounded(network.macs / 1e6, 2),
      rounded(network.latency, 2),
      rounded(network.latency128, 1),
      rounded(network.bytes / 1000, 0),
    ]),
  };
}

/** Writes `report.html` into the run folder. @throws FileSystemError */
export async function writePruneReport(
  run: RunFolder,
  config: PruneConfig,
  result: PruneResult,
): Promise<void> {
  const { name, train, validation, test } = result.data;
  const { epsilon } = config.evaluation;
  const masked = config.prune.structure === 'weights';
  const records = await run.readMetrics();
  const sections: ReportSection[] = [
    {
      heading: 'Result',
      text: `Accuracies on ${test} test images, which were read once, at the end. Attacks stay within ${grey(epsilon)} of 255 grey levels of every pixel (l-infinity). The pruned networks may keep ${rounded(100 * config.prune.budget, 1)} % of the ${keptOf(config.prune)}. Latency is the median of ${config.evaluation.latencyRounds} rounds in which the networks take turns.`,
      table: networkTable(result, config),
    },
    {
      heading: 'Accuracy while training',
      text: `Clean accuracy and accuracy under attack on ${validation} validation images after each epoch: first the dense network, then the pruned one.`,
      plot: lineChart({
        x: { title: 'step' },
        y: { title: 'validation accuracy', unit: '%', zero: true },
        series: accuracySeries(records),
      }),
    },
  ];
  if (result.sensitivities.length > 0) {
    sections.push({
      heading: 'Sensitivity by layer',
      text: 'Module Robustness Sensitivity: how much the adversarial cross-entropy grows when the weights of one layer alone may move within a small ball, for the largest radius. A layer with a high value is pruned less.',
      plot: barChart({
        x: { title: 'growth of the adversarial loss', unit: 'nats' },
        bars: result.sensitivities.map(({ name, sensitivity }) => ({ label: name, value: sensitivity })),
      }),
    });
  }
  for (const { name: variant, groups } of result.variants) {
    sections.push({
      heading: `Ratio by layer: ${variant}`,
      text: masked
        ? 'The share of the layer’s weights that was set to 0, and stays 0.'
        : 'The share of channels that was removed. A stream is all that is added up in the residual sums of one stage; inner channels lie between the two convolutions of a block.',
      plot: barChart({
        x: { title: masked ? 'weights set to 0' : 'channels removed', unit: '%' },
        bars: groups.map((group) => ({
          label: `${group.name} (${group.kept} of ${group.size} stay)`,
          value: 100 * group.ratio,
        })),
      }),
    });
  }
  const { kind, description, isa, build, threads } = device();
  await writeReport(run.reportPath, {
    title: 'Pruning by Module Robustness Sensitivity',
    subtitle: `${config.model} on ${name}: ${train} training, ${validation} validation and ${test} test images`,
    sections,
    environment: { device: kind === 'cpu' ? kind : description, isa, threads, build, seed: config.seed },
  });
}

function keptOf({ structure, measure }: PruneConfig['prune']): string {
  if (structure === 'channels') return measure === 'macs' ? 'MACs' : 'parameters';
  return `weights of convolutions and linear layers${measure === 'macs' ? ', counted by their MACs' : ''}`;
}

const MEASURES = { clean: 'clean', fgsm: 'FGSM', pgd: 'PGD' } as const;

function accuracySeries(records: readonly MetricsRecord[]): Series[] {
  const epochs = records.filter(
    (record) => typeof record.epoch === 'number' && typeof record.clean === 'number',
  );
  const stages = [...new Set(epochs.map((record) => String(record.stage)))];
  // The comparisons would hide the main line; the table has them.
  return stages.slice(0, 2).flatMap((stage) =>
    Object.entries(MEASURES).map(([key, label]) => ({
      name: `${stage === 'dense' ? 'dense' : 'pruned'}, ${label}`,
      points: epochs
        .filter((record) => record.stage === stage && typeof record[key] === 'number')
        .map((record) => ({ x: record.step, y: 100 * (record[key] as number) })),
    })),
  );
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

function grey(epsilon: number): number {
  return rounded(255 * epsilon, 2);
}
