/** What ends a search before its last epoch. */

export { createStopper, STOPPER_KINDS, type StopperConfig, stopperSchema } from './registry.js';
export type { EpochObservation, Stop, Stopper } from './stopper.js';
