/**
 * Progress on stderr: a bar on a terminal, a plain line every few seconds in a batch job, nothing when silent.
 *
 * There are no timers: progress is drawn when it is reported, so it neither keeps a process alive nor competes with it.
 */

/** Where progress goes; `process.stderr` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** How to show progress. */
export interface ProgressOptions {
  /** Default: `process.stderr`. */
  readonly stream?: ProgressStream;
  /** Say nothing at all. Default: false. */
  readonly silent?: boolean;
  /** Seconds between two lines in a batch job. Default: 5. */
  readonly interval?: number;
  /** The clock, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
}

const BAR_REDRAW_MS = 100;
const MAX_BAR_WIDTH = 30;
const DEFAULT_COLUMNS = 80;
const ERASE_LINE = '\r\x1b[K';

interface Stage {
  readonly title: string;
  readonly total: number | undefined;
  readonly unit: string;
  readonly startedAt: number;
  /** Work that was done before this process, as after a resume: it tells nothing about the rate. */
  readonly startedWith: number;
  done: number;
  note: string;
}

/** Shows how far the stages of a command have come, one stage at a time. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #mode: 'bar' | 'lines' | 'silent';
  readonly #interval: number;
  readonly #now: () => number;
  #stage: Stage | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressOptions = {}) {
    this.#stream = options.stream ?? process.stderr;
    this.#now = options.now ?? (() => performance.now());
    const onTerminal = this.#stream.isTTY === true && process.env.TERM !== 'dumb';
    this.#mode = options.silent === true ? 'silent' : onTerminal ? 'bar' : 'lines';
    this.#interval = onTerminal ? BAR_REDRAW_MS : (options.interval ?? 5) * 1000;
  }

  /**
   * Begins a stage, and ends the one before.
   *
   * @param title what is being done, as in "train"
   * @param options `total` units of work if known, `done` of them already (after a resume), the `unit` in the plural
   */
  stage(title: string, options: { total?: number; done?: number; unit?: string } = {}): void {
    this.finish();
    const { total, done = 0, unit = 'steps' } = options;
    this.#stage = { title, total, unit, startedAt: this.#now(), startedWith: done, done, note: '' };
    this.#draw();
  }

  /** Reports `count` more units of work, and optionally a short note such as `loss 1.23` that stays until the next. */
  advance(count = 1, note?: string): void {
    if (this.#stage === undefined) return;
    this.#stage.done += count;
    if (note !== undefined) this.#stage.note = note;
    if (this.#now() - this.#drawnAt >= this.#interval) this.#draw();
  }

  /** Prints a line of text that stays, above the bar if there is one. */
  log(line: string): void {
    if (this.#mode === 'silent') return;
    this.#stream.write(this.#mode === 'bar' ? `${ERASE_LINE}${line}\n` : `${line}\n`);
    if (this.#mode === 'bar' && this.#stage !== undefined) this.#draw();
  }

  /** Ends the stage with a line that stays: how much was done, in what time, at what rate. */
  finish(): void {
    const stage = this.#stage;
    if (stage === undefined) return;
    this.#stage = undefined;
    this.log(summaryOf(stage, this.#now()));
  }

  #draw(): void {
    const stage = this.#stage;
    if (stage === undefined || this.#mode === 'silent') return;
    this.#drawnAt = this.#now();
    const status = statusOf(stage, this.#drawnAt);
    if (this.#mode === 'lines') {
      this.#stream.write(`${status}\n`);
      return;
    }
    // One column stays free: a full line would wrap, and the next carriage return would not find its start.
    const columns = (this.#stream.columns ?? DEFAULT_COLUMNS) - 1;
    const barWidth = Math.min(MAX_BAR_WIDTH, columns - status.length - 1);
    const bar =
      stage.total !== undefined && barWidth >= 5 ? `${barOf(stage.done / stage.total, barWidth)} ` : '';
    this.#stream.write(ERASE_LINE + (bar + status).slice(0, columns));
  }
}

function barOf(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, fraction || 0) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

function statusOf(stage: Stage, now: number): string {
  const { title, total, unit, done, note } = stage;
  const rate = rateOf(stage, now);
  const parts = [total === undefined ? `${done} ${unit}` : `${done}/${total} ${unit}`];
  if (total !== undefined && total > 0) parts.push(`${Math.floor((100 * done) / total)} %`);
  if (rate > 0) parts.push(`${rateText(rate)} ${unit}/s`);
  if (rate > 0 && total !== undefined) parts.push(`ETA ${durationText((total - done) / rate)}`);
  if (note !== '') parts.push(note);
  return `${title}: ${parts.join(', ')}`;
}

function summaryOf(stage: Stage, now: number): string {
  const { title, total, unit, done, note } = stage;
  const rate = rateOf(stage, now);
  const amount = total === undefined || done === total ? `${done}` : `${done}/${total}`;
  const speed = rate > 0 ? ` (${rateText(rate)} ${unit}/s)` : '';
  const elapsed = durationText((now - stage.startedAt) / 1000);
  return `${title}: ${amount} ${unit} in ${elapsed}${speed}${note === '' ? '' : `, ${note}`}`;
}

/** Units a second since the stage began; 0 while nothing can be said. */
function rateOf({ done, startedWith, startedAt }: Stage, now: number): number {
  const seconds = (now - startedAt) / 1000;
  return seconds > 0 ? (done - startedWith) / seconds : 0;
}

function rateText(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3);
}

/** Seconds as `0:07`, `12:34` or `1:02:03`. */
function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
