import { describe, expect, it } from 'vitest';
import { Progress } from '../../lib/cli/progress.js';

function recorded(options: { isTTY?: boolean; columns?: number; silent?: boolean; interval?: number } = {}) {
  const { isTTY = false, columns = 80, ...rest } = options;
  const writes: string[] = [];
  const clock = { ms: 1000 };
  const stream = { write: (text: string) => writes.push(text), isTTY, columns };
  const progress = new Progress({ stream, now: () => clock.ms, ...rest });
  return { progress, writes, clock, text: () => writes.join('') };
}

describe('in a batch job', () => {
  it('prints a plain line every few seconds, never a carriage return', () => {
    const { progress, writes, clock, text } = recorded();
    progress.stage('train', { total: 100 });
    for (let step = 1; step <= 100; step++) {
      clock.ms += 200;
      progress.advance(1, `loss ${(1 / step).toFixed(2)}`);
    }
    progress.finish();
    expect(writes).toEqual([
      'train: 0/100 steps, 0 %\n',
      'train: 25/100 steps, 25 %, 5.00 steps/s, ETA 0:15, loss 0.04\n',
      'train: 50/100 steps, 50 %, 5.00 steps/s, ETA 0:10, loss 0.02\n',
      'train: 75/100 steps, 75 %, 5.00 steps/s, ETA 0:05, loss 0.01\n',
      'train: 100/100 steps, 100 %, 5.00 steps/s, ETA 0:00, loss 0.01\n',
      'train: 100 steps in 0:20 (5.00 steps/s), loss 0.01\n',
    ]);
    for (const control of ['\r', '\x1b']) expect(text()).not.toContain(control);
  });

  it('keeps to the interval asked for', () => {
    const { progress, writes, clock } = recorded({ interval: 60 });
    progress.stage('search');
    for (let i = 0; i < 119; i++) {
      clock.ms += 1000;
      progress.advance();
    }
    expect(writes).toEqual(['search: 0 steps\n', 'search: 60 steps, 1.00 steps/s\n']);
  });

  it('counts only new work into the rate after a resume', () => {
    const { progress, clock, text } = recorded();
    progress.stage('train', { total: 1000, done: 500 });
    clock.ms += 10_000;
    progress.advance(20);
    expect(text()).toContain('520/1000 steps, 52 %, 2.00 steps/s, ETA 4:00');
  });

  it('ends a stage when the next begins, and says when one was cut short', () => {
    const { progress, clock, writes } = recorded();
    progress.stage('load', { total: 4, unit: 'files' });
    clock.ms += 2000;
    progress.advance(2);
    progress.stage('train');
    expect(writes[1]).toBe('load: 2/4 files in 0:02 (1.00 files/s)\n');
    expect(writes[2]).toBe('train: 0 steps\n');
  });

  it('copes with a stage of no work and with calls outside a stage', () => {
    const { progress, writes } = recorded();
    progress.advance();
    progress.finish();
    expect(writes).toEqual([]);
    progress.stage('nothing', { total: 0 });
    progress.finish();
    expect(writes).toEqual(['nothing: 0/0 steps\n', 'nothing: 0 steps in 0:00\n']);
  });

  it('writes long times in hours', () => {
    const { progress, clock, text } = recorded();
    progress.stage('train', { total: 7200 });
    clock.ms += 3_723_000;
    progress.advance(3600);
    progress.finish();
    expect(text()).toContain('ETA 1:02:03');
    expect(text()).toContain('in 1:02:03');
  });
});

describe('on a terminal', () => {
  it('redraws one line that never wraps', () => {
    const { progress, writes, clock } = recorded({ isTTY: true, columns: 60 });
    progress.stage('train', { total: 10 });
    for (let i = 0; i < 10; i++) {
      clock.ms += 100;
      progress.advance(1, 'a note that is much longer than the terminal is wide, really');
    }
    for (const frame of writes) {
      expect(frame.startsWith('\r\x1b[K')).toBe(true);
      expect(frame).not.toContain('\n');
      expect(frame.slice(4).length).toBeLessThan(60);
    }
    progress.finish();
    expect(writes.at(-1)).toMatch(/train: 10 steps in 0:01 .*\n$/);
    expect(writes.at(-1)?.startsWith('\r\x1b[Ktrain')).toBe(true);
  });

  it('fills the bar in proportion and does not redraw faster than the eye sees', () => {
    const { progress, writes, clock } = recorded({ isTTY: true, columns: 100 });
    progress.stage('train', { total: 1000 });
    for (let i = 0; i < 500; i++) {
      clock.ms += 1;
      progress.advance();
    }
    expect(writes).toHaveLength(6);
    expect(writes.at(-1)).toContain(`${'█'.repeat(15)}${'░'.repeat(15)} train: 500/1000`);
  });

  it('prints a log line above the bar', () => {
    const { progress, writes } = recorded({ isTTY: true });
    progress.stage('train', { total: 2 });
    progress.log('saved step-1');
    expect(writes[1]).toBe('\r\x1b[Ksaved step-1\n');
    expect(writes[2]).toContain('train: 0/2');
  });
});

it('says nothing when silent', () => {
  for (const isTTY of [true, false]) {
    const { progress, writes, clock } = recorded({ isTTY, silent: true });
    progress.stage('train', { total: 2 });
    clock.ms += 60_000;
    progress.advance();
    progress.log('x');
    progress.finish();
    expect(writes).toEqual([]);
  }
});
