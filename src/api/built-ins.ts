/** What the registry has from the start: every plugin of troupe that can be written as data. */
import { z } from 'zod';

import { environment, prepend } from '../launchers/transforms.ts';
import { simple } from '../launchers/simple.ts';
import { singleNode, singleNodeSchema } from '../launchers/single-node.ts';
import { wrapped, wrappedSchema } from '../launchers/wrapped.ts';
import type { RetryPolicy } from '../machines/policies/retry/port.ts';
import type { RoutingPolicy } from '../machines/policies/routing/port.ts';
import { local, localSchema } from '../providers/local.ts';
import { websocket } from '../transport/websocket.ts';
import { blocksSchema } from './blocks.ts';
import { schemas as executorSchemas } from './executor-schemas.ts';
import { blocks, inline, threads } from './executors.ts';
import { plugin } from './plugin-slots.ts';
import { blockErrors, dependency, handshake, ordering, retry, routing, scaling, selection } from './policies.ts';

type BuiltIn = readonly [kind: string, name: string, factory: (options: never) => unknown, schema: () => z.ZodType];

const nothing = (): z.ZodType => z.strictObject({});
/** Options that are numbers, all of them optional; the factory knows their bounds. */
const numbers =
  (...names: readonly string[]) =>
  (): z.ZodType =>
    z.strictObject(Object.fromEntries(names.map((name) => [name, z.number().optional()])));
const policies = (kind: string, factories: Readonly<Record<string, () => unknown>>): readonly BuiltIn[] =>
  Object.entries(factories).map(([name, factory]) => [kind, name, () => factory(), nothing]);

export const builtIns: readonly BuiltIn[] = [
  ['executor', 'blocks', blocks, blocksSchema],
  ['executor', 'inline', inline, () => executorSchemas().inline],
  ['executor', 'threads', threads, () => executorSchemas().threads],

  ['provider', 'local', local, localSchema],

  ['launcher', 'simple', simple, nothing],
  ['launcher', 'wrapped', wrapped, wrappedSchema],
  ['launcher', 'singleNode', singleNode, singleNodeSchema],

  ['transport', 'websocket', websocket, numbers('handshakeMs', 'strangers')],

  ['transform', 'prepend', ({ words }: { words: string[] }) => prepend(words), () => z.strictObject({ words: z.array(z.string()) })],
  [
    'transform',
    'environment',
    ({ variables }: { variables: Record<string, string> }) => environment(variables),
    () => z.strictObject({ variables: z.record(z.string(), z.string()) }),
  ],

  ['retry', 'fixed', ({ retries }: { retries?: number }) => retry.fixed(retries), numbers('retries')],
  ['retry', 'exponential', retry.exponential, numbers('retries', 'initialMs', 'maxMs', 'factor', 'jitter')],
  [
    'retry',
    'byFailureKind',
    ({ policies: each, otherwise }: { policies: Record<string, RetryPolicy>; otherwise?: RetryPolicy }) =>
      retry.byFailureKind(each, otherwise),
    () => z.strictObject({ policies: z.record(z.string(), plugin('retry')), otherwise: plugin('retry').optional() }),
  ],
  ...policies('routing', { leastLoaded: routing.leastLoaded, random: routing.random }),
  [
    'routing',
    'labels',
    ({ table, otherwise }: { table: Record<string, string>; otherwise?: RoutingPolicy }) => routing.labels(table, otherwise),
    () => z.strictObject({ table: z.record(z.string(), z.string()), otherwise: plugin('routing').optional() }),
  ],
  ...policies('dependency', { fail: dependency.fail, ignore: dependency.ignore }),
  ['dependency', 'substitute', ({ value }: { value: unknown }) => dependency.substitute(value), () => z.strictObject({ value: z.json() })],

  ['scaling', 'autoScale', scaling.autoScale, numbers('idleMs', 'maxIdleMs', 'surplusMs', 'backoffMs', 'maxBackoffMs')],
  ['scaling', 'simple', scaling.simple, numbers('maxIdleMs')],
  ['scaling', 'htexAutoScale', scaling.htexAutoScale, numbers('maxIdleMs')],
  ...policies('scaling', { none: scaling.none }),
  ...policies('selection', selection),
  ...policies('ordering', { priority: ordering.priority }),
  ['ordering', 'aged', ordering.aged, numbers('perSecond')],
  ...policies('blockErrors', { neverReady: blockErrors.neverReady, simple: blockErrors.simple, ignore: blockErrors.ignore }),
  ['blockErrors', 'windowed', blockErrors.windowed, numbers('last')],
  ...policies('handshake', handshake),
];
