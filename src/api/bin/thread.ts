/** The program of a worker thread: piscina imports it and calls `runTry`. Started by `threads()`. */
import { openThread } from '../../actors/thread.ts';
import { cbor } from '../../transport/serializers/cbor.ts';
import { fileExtension } from '../file.ts';

export const runTry = openThread(cbor({ extensions: [fileExtension] }));
