// Removes what the build made: build/ and dist/.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './stamp.mjs';

for (const folder of ['build', 'dist']) rmSync(join(root, folder), { recursive: true, force: true });
