import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const index = new URL('../../lib/index.ts', import.meta.url).href;

async function run(script: string, env: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  const args = ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', script];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  return promisify(execFile)(process.execPath, args, { cwd, env: { ...process.env, ...env } });
}

describe('debug mode', () => {
  const leak = `
    import { setImmediate } from 'node:timers/promises';
    const L = await import('${index}');
    function leakyFunction() { L.ones([2]); }
    leakyFunction();
    for (let i = 0; i < 20; i++) { gc(); await setImmediate(); }
  `;

  it('tells where a leaked tensor was made; otherwise leaks are released silently', async () => {
    const loud = await run(leak, { LAPIDARY_DEBUG: '1' });
    expect(loud.stderr).toMatch(/never disposed.*\n(.*\n)*.*leakyFunction/);
    const quiet = await run(leak, { LAPIDARY_DEBUG: '' });
    expect(quiet.stderr).not.toContain('never disposed');
  });

  it('says once that auto fell back', async () => {
    const script = `const L = await import('${index}'); L.zeros([1], { device: 'auto' }); L.device('auto'); L.device();`;
    const { stderr } = await run(script, { LAPIDARY_CUDA_DRIVER: 'no-such-libcuda.so' });
    expect(stderr.match(/no CUDA driver/g)).toHaveLength(1);
  });
});
