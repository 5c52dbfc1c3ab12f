/**
 * Calls as data, for the property test of the graph: what a task is given, how its tries are to be decided on, and
 * what a join's body does. A generated plan points at earlier things by number; {@link concrete} turns the numbers
 * into refs to what there is at the time of the call.
 */
import * as fc from 'fast-check';

import type { RetryDecision } from '../../src/machines/model/task.ts';

/** Something to wait for: a task, a promise that is not ours, or (in a body) one of the body's own calls. */
export type Ref = { readonly key: string } | { readonly promise: number } | { readonly child: number };

/** Plain data with leaves of one kind in it. */
export type Shape<L> =
  | { readonly leaf: L }
  | { readonly plain: unknown }
  | { readonly list: readonly Shape<L>[] }
  | { readonly record: Readonly<Record<string, Shape<L>>> }
  | { readonly map: readonly (readonly [string, Shape<L>])[] }
  | { readonly set: readonly Shape<L>[] };

export interface Call<L = Ref> {
  readonly data: Shape<L>;
  readonly retries: number;
  readonly timeLimitMs: number | undefined;
  readonly priority: number;
  /** Index of an abort controller. */
  readonly signal: number | undefined;
  readonly executors: readonly string[] | undefined;
  /** The answer of the retry policy for try 0, 1, …, over and over. */
  readonly decisions: readonly RetryDecision[];
  /** Of a join; `undefined`: a function task. */
  readonly body: Body<L> | undefined;
}

export interface Body<L = Ref> {
  /** Its first runs throw. */
  readonly throws: number;
  /** It awaits a gate after half of its calls. */
  readonly isGated: boolean;
  readonly calls: readonly Call<L>[];
  readonly returned: Shape<L>;
}

export const callsBeforeGate = ({ calls, isGated }: Body): number => (isGated ? Math.ceil(calls.length / 2) : calls.length);

/** The data with `valueOf(leaf)` for each leaf. */
export function build<L>(shape: Shape<L>, valueOf: (leaf: L) => unknown): unknown {
  if ('leaf' in shape) return valueOf(shape.leaf);
  if ('plain' in shape) return shape.plain;
  if ('list' in shape) return shape.list.map((item) => build(item, valueOf));
  if ('map' in shape) return new Map(shape.map.map(([key, item]) => [key, build(item, valueOf)]));
  if ('set' in shape) return new Set(shape.set.map((item) => build(item, valueOf)));
  return Object.fromEntries(Object.entries(shape.record).map(([key, item]) => [key, build(item, valueOf)]));
}

export function mapShape<L, M>(shape: Shape<L>, to: (leaf: L) => Shape<M>): Shape<M> {
  if ('leaf' in shape) return to(shape.leaf);
  if ('plain' in shape) return shape;
  if ('list' in shape) return { list: shape.list.map((item) => mapShape(item, to)) };
  if ('map' in shape) return { map: shape.map.map(([key, item]) => [key, mapShape(item, to)] as const) };
  if ('set' in shape) return { set: shape.set.map((item) => mapShape(item, to)) };
  return { record: Object.fromEntries(Object.entries(shape.record).map(([key, item]) => [key, mapShape(item, to)])) };
}

/** Its leaves, in the order they are read. */
export function refsOf<L>(shape: Shape<L>): readonly L[] {
  const leaves: L[] = [];
  build(shape, (leaf) => leaves.push(leaf));
  return leaves;
}

const mapCall = <L, M>(call: Call<L>, data: (leaf: L) => Shape<M>, body: (body: Body<L>) => Body<M>): Call<M> => ({
  ...call,
  data: mapShape(call.data, data),
  body: call.body && body(call.body),
});

/** A call with its numbers replaced: each stands for one of `things`, or for nothing when there is none. */
export function concrete(call: Call<number>, things: readonly Ref[]): Call {
  const pick =
    (from: readonly Ref[]) =>
    (at: number): Shape<Ref> => {
      const leaf = from[at % Math.max(1, from.length)];
      return leaf === undefined ? { plain: at } : { leaf };
    };
  return mapCall(call, pick(things), ({ calls, returned, ...rest }) => {
    const children = calls.map((_, child): Ref => ({ child }));
    // a call of the body may wait for the calls before it; what those make in turn waits for things from outside
    const inner = calls.map((one, i) => ({
      ...concrete(one, things),
      data: mapShape(one.data, pick([...children.slice(0, i), ...things])),
    }));
    return { ...rest, calls: inner, returned: mapShape(returned, pick([...children, ...children, ...things])) };
  });
}

/** A ref of a body as a ref to the task that run `run` of it has made. */
export const placed = (ref: Ref, key: string, run: number): Ref => ('child' in ref ? { key: `${key}.${run}.${ref.child}` } : ref);

/** A call of a body, with refs to its siblings as this run has made them. */
export const placedCall = (call: Call, key: string, run: number): Call => ({
  ...call,
  data: mapShape(call.data, (leaf) => ({ leaf: placed(leaf, key, run) })),
});

// arbitraries

const { shape } = fc.letrec<{ shape: Shape<number> }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 4, arbitrary: fc.nat({ max: 40 }).map((leaf) => ({ leaf })) },
    { weight: 1, arbitrary: fc.constantFrom(undefined, null, 0, 'x', new Date(5), 7n).map((plain) => ({ plain })) },
    fc.array(tie('shape'), { maxLength: 3 }).map((list) => ({ list })),
    fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), tie('shape'), { maxKeys: 2 }).map((record) => ({ record })),
    fc.array(fc.tuple(fc.constantFrom('k', 'l'), tie('shape')), { maxLength: 2 }).map((map) => ({ map: [...new Map(map)] })),
    fc.array(tie('shape'), { maxLength: 2 }).map((set) => ({ set })),
  ),
}));

const decision: fc.Arbitrary<RetryDecision> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ again: false } as const) },
  {
    weight: 6,
    arbitrary: fc.record(
      {
        again: fc.constant(true as const),
        afterMs: fc.constantFrom(0, 10, 500),
        cost: fc.constantFrom(0, 0.5, 1, -1),
        executor: fc.constant('a'),
      },
      { requiredKeys: ['again'] },
    ),
  },
);

const callWith = (body: fc.Arbitrary<Body<number> | undefined>): fc.Arbitrary<Call<number>> =>
  fc.record({
    data: fc.oneof(
      { weight: 2, arbitrary: fc.constant({ plain: 1 }) },
      { weight: 3, arbitrary: fc.array(shape, { maxLength: 4 }).map((list) => ({ list })) },
    ),
    retries: fc.nat({ max: 3 }),
    timeLimitMs: fc.option(fc.constantFrom(10, 500, 5000), { nil: undefined, freq: 3 }),
    priority: fc.integer({ min: -1, max: 2 }),
    signal: fc.option(fc.nat({ max: 1 }), { nil: undefined, freq: 5 }),
    executors: fc.option(fc.constant(['a']), { nil: undefined, freq: 4 }),
    decisions: fc.array(decision, { minLength: 1, maxLength: 3 }),
    body,
  });

const bodyOf = (calls: fc.Arbitrary<Call<number>>): fc.Arbitrary<Body<number>> =>
  fc.record({
    throws: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 2 })),
    isGated: fc.boolean(),
    calls: fc.array(calls, { maxLength: 3 }),
    // never a bare future: an async body that returns one is JavaScript's to await, not ours
    returned: fc.array(shape, { maxLength: 3 }).map((list) => ({ list })),
  });

const leafCall = callWith(fc.constant(undefined));
const innerCall = callWith(fc.option(bodyOf(leafCall), { nil: undefined, freq: 3 }));
/** Function tasks, joins, joins of joins. */
export const anyCall: fc.Arbitrary<Call<number>> = callWith(fc.option(bodyOf(innerCall), { nil: undefined, freq: 2 }));
