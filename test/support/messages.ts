/** Arbitrary messages of every type of the protocol. */
import * as fc from 'fast-check';

import type { Message, MessageOf } from '../../src/transport/protocol.ts';

const count = fc.oneof(fc.nat(), fc.maxSafeNat());
const lease = fc.oneof(fc.integer({ min: 1 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const leases = fc.array(lease);
const bytes = fc.uint8Array({ maxLength: 300 });
const text = fc.string({ unit: 'binary', maxLength: 300 });
const name = fc.string({ unit: 'grapheme', maxLength: 20 });
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const id = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 64 });
const optional = <T extends object, K extends keyof T>(model: { [P in keyof T]: fc.Arbitrary<T[P]> }, ...keys: readonly K[]) =>
  fc.record(model, { requiredKeys: Object.keys(model).filter((key) => !keys.includes(key as K)) as never });

/** What a note may carry: JSON, which has no -0. `__proto__` is no name for a field. */
const json = fc.json({ maxDepth: 3, noUnicodeString: false }).map((text) => JSON.parse(text.replaceAll('__proto__', '_')) as unknown);

const models: { readonly [T in Message['t']]: fc.Arbitrary<Omit<MessageOf<T>, 't'>> } = {
  register: optional(
    {
      managerId: id,
      blockId: id,
      build: fc.record({ protocol: count, version: text, bundleHash: text, node: text, platform: text }),
      host: name,
      pid: count,
      workers: count,
      capacity: optional({ cores: amount, memoryBytes: amount, gpus: amount }, 'cores', 'memoryBytes', 'gpus'),
      credit: count,
      remainingMs: amount,
      holds: leases,
      sent: count,
    },
    'remainingMs',
  ) as never,
  started: fc.record({ leases, workers: fc.array(name) }),
  ended: fc.record({ seq: count, leases, outcomes: fc.array(bytes), workers: fc.array(name) }),
  lost: optional(
    {
      seq: count,
      lease,
      kind: fc.constantFrom('workerLost', 'oom'),
      message: text,
      worker: name,
      exitCode: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      signal: fc.string(),
      stderr: text,
    },
    'exitCode',
    'signal',
    'stderr',
  ) as never,
  returned: fc.record({ seq: count, leases }),
  progress: fc.record({ lease, value: bytes }),
  output: fc.record({ lease, stream: fc.constantFrom('stdout' as const, 'stderr' as const), text }),
  credit: fc.record({ credit: count, workers: count }),
  draining: fc.record({ why: text }),
  leaving: optional({ why: text, isBroken: fc.boolean(), stderr: text }, 'stderr') as never,
  note: fc.record({
    type: name,
    data: fc.dictionary(
      fc.string({ maxLength: 10 }).map((key) => key.replaceAll('__proto__', '_')),
      json,
      { noNullPrototype: true },
    ),
  }),
  heartbeat: fc.constant({}),
  welcome: fc.record({ received: count, drop: leases, heartbeatMs: amount.filter((value) => value > 0) }),
  refused: fc.record({ why: text }),
  grant: fc.record({ leases, works: fc.array(bytes) }),
  ack: fc.record({ seq: count }),
  recall: fc.record({ leases }),
  stop: fc.record({ lease, reason: bytes, graceMs: amount }),
  drain: fc.constant({}),
  end: fc.record({ why: text }),
};

export const messageTypes = Object.keys(models) as readonly Message['t'][];

export const messageOf = (t: Message['t']): fc.Arbitrary<Message> =>
  (models[t] as fc.Arbitrary<object>).map((fields) => ({ t, ...fields }) as Message);

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...messageTypes.map(messageOf));
