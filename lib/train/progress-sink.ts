/**
 * Where long work tells how far it has come. The command line's `Progress` fits; a library user may pass anything of
 * this form, or nothing.
 */
export interface ProgressSink {
  /** A stage begins: `total` units of work in all, `done` of them already (after a resume). */
  stage(title: string, options?: { total?: number; done?: number; unit?: string }): void;
  /** `count` more units are done; `note` is a short text such as `loss 1.23`. */
  advance(count?: number, note?: string): void;
  /** A line that stays. */
  log(line: string): void;
}

/** Tells nobody. */
export const silentProgress: ProgressSink = {
  stage() {},
  advance() {},
  log() {},
};
