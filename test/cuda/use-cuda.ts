/** Before every test file of vitest.cuda.config.ts: tensors are made on the CUDA device. */
import { useDevice } from '../../lib/device.js';

useDevice('cuda');
