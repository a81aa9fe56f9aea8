import { describe, expect, it } from 'vitest';
import { ArgumentError, cosineSchedule, oneCycleSchedule, stepSchedule } from '../../lib/index.js';

describe('schedules', () => {
  it('step falls at each milestone', () => {
    const rate = stepSchedule({ rate: 1, milestones: [10, 20], factor: 0.5 });
    expect([0, 9, 10, 19, 20, 1000].map(rate)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25]);
  });

  it('cosine warms up, then falls to its end and stays there', () => {
    const rate = cosineSchedule({ rate: 2, steps: 14, warmup: 4, final: 0.5 });
    expect([0, 1, 2, 3].map(rate)).toEqual([0.5, 1, 1.5, 2]);
    expect(rate(4)).toBe(2);
    expect(rate(9)).toBeCloseTo(1.25, 12);
    expect(rate(14)).toBeCloseTo(0.5, 12);
    expect(rate(99)).toBeCloseTo(0.5, 12);
  });

  it('one cycle rises and falls', () => {
    const rate = oneCycleSchedule({ rate: 1, steps: 100, warmup: 20 });
    expect(rate(0)).toBeCloseTo(0.04, 12);
    expect(rate(10)).toBeCloseTo(0.52, 12);
    expect(rate(20)).toBe(1);
    expect(rate(60)).toBeCloseTo(0.5, 4);
    expect(rate(100)).toBeCloseTo(4e-6, 12);
  });

  it('refuses a warm-up as long as all', () => {
    expect(() => cosineSchedule({ rate: 1, steps: 5, warmup: 5 })).toThrow(ArgumentError);
    expect(() => oneCycleSchedule({ rate: 1, steps: 0 })).toThrow(ArgumentError);
  });
});
