/** One pass through a search network, as the parts of a method see it. */

/** What a pass is for: a step of the weights, or one of the architecture. */
export type Purpose = 'weights' | 'architecture';

/** When a pass is. Everything that a part draws for it is a function of these and of the seed. */
export interface Pass {
  readonly purpose: Purpose;
  /** From 0, of this stage of the search. */
  readonly epoch: number;
  /** Of this stage. */
  readonly epochs: number;
  /** Steps of the weights that were made before, in all stages. */
  readonly step: number;
}

/** A part of a method that draws numbers, or reads schedules, on the host: before each pass, outside of what is recorded. */
export interface Drawing {
  /** May wait for values of the device. */
  draw?(pass: Pass): void | Promise<void>;
}

/** Streams of the random numbers of parts, by Philox under the seed of the search: a part's stream and the pass's number. */
export function passStream(part: number, { purpose, step }: Pick<Pass, 'purpose' | 'step'>): number {
  return part * 2 ** 40 + 2 * step + (purpose === 'architecture' ? 1 : 0);
}

/** One number for each part that draws. */
export const DRAWING_PARTS = {
  architecture: 1,
  relaxation: 2,
  perturbation: 3,
  skipDisturbance: 4,
  selector: 5,
  trainOrder: 6,
  searchOrder: 7,
  randomSearch: 8,
  split: 9,
} as const;
