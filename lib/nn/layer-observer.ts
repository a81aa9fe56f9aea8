/** Lets a measurement see what the layers of a model compute, without the model knowing. */

import type { Shape } from '../shape.js';

/** Called with a layer and the shape of its output. */
export type LayerObserver = (layer: object, outputShape: Shape) => void;

// A plain variable will do: a forward pass is synchronous.
let observer: LayerObserver | null = null;

/** Calls `observe` for each layer that computes while `fn` runs. */
export function observeLayers<T>(observe: LayerObserver, fn: () => T): T {
  const outer = observer;
  observer = observe;
  try {
    return fn();
  } finally {
    observer = outer;
  }
}

/** Layers report here what they have computed. Returns the output. */
export function observed<T extends { readonly shape: Shape }>(layer: object, output: T): T {
  observer?.(layer, output.shape);
  return output;
}
