/** Schemas of the records in `log-records.ts`: apart from them, since who writes a log checks nothing. */
import { z } from 'zod';

import { budgets } from '../machines/model/failures.ts';
import { settledStates } from '../machines/model/states.ts';
import { LOG_FORMAT } from './log-records.ts';

const count = z.number().int().min(0);
const text = z.string();
const event = z.looseObject({ type: text });
const taken = { seq: count.min(1), t: z.number(), actor: text, event, causeId: count };
const failure = z.looseObject({
  kind: z.enum(Object.keys(budgets) as [keyof typeof budgets, ...(keyof typeof budgets)[]]),
  name: text,
  message: text,
  tryIndex: count,
});
const digest = z.looseObject({
  taskId: text,
  name: text,
  identity: text,
  kind: z.enum(['function', 'shell', 'join']),
  state: z.enum(settledStates),
  dependsOn: z.array(text),
  inputs: count,
  tries: count,
  submittedMs: z.number(),
  startedMs: z.number().optional(),
  settledMs: z.number(),
  failure: failure.optional(),
});
const config = z.looseObject({
  executors: z.array(z.looseObject({ label: text, kind: text })),
  policies: z.record(text, text),
  replaced: z.array(text),
});

/** Of `run.json`. */
export const runSchema = z.looseObject({
  format: z.number().max(LOG_FORMAT, `is of a later version of troupe; this one reads up to ${LOG_FORMAT}`),
  troupe: text,
  name: text,
  runId: text,
  level: z.enum(['summary', 'full']),
  startedAt: text,
  pid: count,
  host: text,
  node: text,
  program: text,
  config,
});

/** Of one line. */
export const recordSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('log.opened'), t: z.number(), run: runSchema }),
  z.looseObject({
    type: z.literal('actor.spawned'),
    t: z.number(),
    actor: text,
    machine: text,
    input: z.unknown().optional(),
    causeId: count,
  }),
  z.looseObject({ type: z.literal('actor.stopped'), t: z.number(), actor: text, causeId: count }),
  z.looseObject({ type: z.literal('step'), ...taken, from: text, to: text, failed: z.literal(true).optional() }),
  z.looseObject({ type: z.literal('actor.deadLetter'), ...taken }),
  z.looseObject({
    type: z.literal('task.settled'),
    t: z.number(),
    task: digest,
    output: z.looseObject({ stdout: count, stderr: count }).optional(),
  }),
  z.looseObject({ type: z.literal('fact'), t: z.number(), fact: text, data: z.record(text, z.unknown()), cut: z.literal(true).optional() }),
  z.looseObject({ type: z.literal('log.gap'), t: z.number(), sinceT: z.number(), records: count, steps: count, why: text }),
  z.looseObject({ type: z.literal('log.closed'), t: z.number(), records: count, dropped: count, lastSeq: count, actors: count }),
]);
