/** How pictures in files become images of one size, and what is told on the way. */

/** Of data sets that are picture files. */
export interface PictureOptions {
  /**
   * Side in pixels: the shorter side is resized to it, and the centre is cropped to a square. Default: as the pictures
   * are, which must then be of one size.
   */
  readonly size?: number;
  /** Of the resizing, both as libvips has them. Default lanczos3. */
  readonly kernel?: 'lanczos3' | 'cubic';
  /** Whether a picture that cannot be decoded is an error, or is left out and told of. Default error. */
  readonly corrupt?: 'error' | 'skip';
}

/** What a reader tells, beyond its result. */
export interface ReadNotes {
  /** Hears sentences, as of a picture left out. Default: a warning of the process. */
  readonly onNote?: (note: string) => void;
  /** Hears how many pictures have been read, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tells `note` to whoever listens. */
export function tell({ onNote }: ReadNotes, note: string): void {
  if (onNote === undefined) process.emitWarning(note, 'LapidaryWarning');
  else onNote(note);
}
