/** What a run of bench:peers leaves: one JSON object, and a page with a plot. */

import { intervalPlot } from '../lib/report/interval-plot.js';
import type { Report } from '../lib/report/report.js';
import type { Comparison } from './comparison.js';
import type { Machine } from './machine.js';
import type { PeerOptions } from './peer.js';
import { spread } from './statistics.js';

/** As docs/performance.md describes it; `ratio` is the peer's time / ours, so above 1 lapidary is faster. */
export function peersJson(
  machine: Machine,
  peer: PeerOptions | null,
  comparisons: readonly Comparison[],
): object {
  return {
    machine: { ...machine, others: Math.max(...comparisons.map(({ others }) => others)) },
    peer: peer && { ...comparisons[0]?.peer?.hello, tuned_malloc: peer.tunedMalloc },
    workloads: comparisons.map((comparison) => {
      const { ours, peer, ratios } = comparison;
      const ratio = ratios.length === 0 ? null : spread(ratios);
      return {
        name: comparison.name,
        ours_ms: ours.ms.median,
        peer_ms: peer?.ms.median ?? null,
        ratio: ratio?.median ?? null,
        ours_peak_mb: ours.peakMb,
        peer_peak_mb: peer?.peakMb ?? null,
        ratio_quartiles: ratio && [ratio.low, ratio.high],
        gflop: comparison.gflop,
        batch: comparison.batch,
        rounds: comparison.rounds,
        steps: comparison.steps,
        enqueue_ms: comparison.enqueueMs,
        distances: comparison.distances,
        arbitrations: comparison.arbitrations,
        others: comparison.others,
      };
    }),
  };
}

/** A table of times and memory, and the ratio of every round. */
export function peersReport(
  machine: Machine,
  peer: PeerOptions | null,
  comparisons: readonly Comparison[],
): Report {
  const hello = comparisons[0]?.peer?.hello;
  const peerName = hello === undefined ? 'no peer' : String(hello.framework);
  const compared = comparisons.filter(({ ratios }) => ratios.length > 0);
  return {
    title: 'lapidary beside a peer',
    subtitle: `${peerName}, alternately in one run`,
    sections: [
      {
        heading: 'A step of each workload',
        text: 'Medians of all rounds. The ratio is the time of the peer divided by ours: above 1, lapidary is faster. Memory is the most that was resident, above what each process held before it had weights and inputs.',
        table: {
          columns: [
            'workload',
            'batch',
            'GFLOP',
            'lapidary (ms)',
            'peer (ms)',
            'ratio',
            'lapidary (MiB)',
            'peer (MiB)',
          ],
          rows: comparisons.map(({ name, batch, gflop, ours, peer, ratios }) => [
            name,
            batch,
            gflop,
            ours.ms.median,
            peer?.ms.median,
            ratios.length === 0 ? null : spread(ratios).median,
            ours.peakMb,
            peer?.peakMb,
          ]),
        },
      },
      ...(compared.length === 0
        ? []
        : [
            {
              heading: 'Ratio by round',
              text: "A circle is the peer's time / ours in one round, the tick their median, the bar their quartiles.",
              plot: intervalPlot({
                x: { title: 'times faster' },
                rows: compared.map(({ name, ratios }) => {
                  const { median, low, high } = spread(ratios);
                  return { label: name, values: ratios, mean: median, interval: { low, high } };
                }),
              }),
            },
          ]),
    ],
    environment: {
      processor: machine.cpu,
      ISA: machine.isa,
      threads: machine.threads,
      build: machine.build,
      Node: machine.node,
      peer: peerName,
      ...(peer?.framework === 'pytorch'
        ? {
            layout: peer.layout,
            compiled: String(peer.compile),
            'needed gradients only': String(peer.neededGradients),
          }
        : {}),
      'tuned malloc': String(peer?.tunedMalloc ?? false),
      'other processes': `${(100 * Math.max(...comparisons.map(({ others }) => others))).toFixed(1)} %`,
    },
  };
}
