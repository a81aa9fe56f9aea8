// A worker thread does not inherit the loader that turns TypeScript into JavaScript.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
