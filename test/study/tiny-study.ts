import { type StudyConfig, studySchema } from '../../lib/study/config.js';

/** A study of trials that take a second each. */
export function tinyStudy(changes: Record<string, unknown> = {}): StudyConfig {
  return studySchema.parse({
    workflow: 'train',
    base: {
      data: { source: 'shapes10:5', train: 48, validation: 16, test: 32 },
      model: 'resnet8',
      train: { epochs: 3, batch: 16, schedule: { kind: 'constant' } },
    },
    grid: { rate: { low: { 'train.optimizer.rate': 0.01 }, high: { 'train.optimizer.rate': 0.1 } } },
    seeds: [0, 1],
    measures: [{ name: 'clean', unit: '%', factor: 100 }],
    compare: [['high', 'low']],
    ...changes,
  });
}
