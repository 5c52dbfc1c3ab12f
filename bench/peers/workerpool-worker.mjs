// The whole of a workerpool worker.
import { createRequire } from 'node:module';

const workerpool = createRequire(import.meta.url)('workerpool');
workerpool.worker({ noop() {} });
