import { describe, expect, it } from 'vitest';
import { runChild } from './child.js';

describe('a process ends cleanly', () => {
  for (const way of ['return', 'exit', 'throw', 'idle', 'awaited'] as const) {
    it(`by ${way}`, async () => {
      const { code, signal, stderr, stdout } = await runChild('process-end', { args: [way] });
      expect(signal).toBeNull();
      expect(code).toBe(way === 'throw' ? 1 : 0);
      if (way === 'throw') expect(stderr).toContain('thrown in mid-step');
      else expect(stderr).toBe('');
      if (way === 'awaited') expect(stdout.trim()).toBe('arrived');
    });
  }

  it('where the processor lacks the instruction set that was asked for', async () => {
    const { code, stderr } = await runChild('process-end', {
      args: ['idle'],
      env: { LAPIDARY_ISA: 'altivec' },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/LAPIDARY_ISA=altivec/);
  });
});
