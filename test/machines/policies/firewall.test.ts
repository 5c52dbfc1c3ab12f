/** Nothing a policy does gets through: whatever it throws, answers or writes to, the built-in decides and somebody is told. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { asker, describe as say, MAX_FAULTS, sealed, SLOW_MS } from '../../../src/machines/policies/firewall.ts';
import { dependencyKind, retryKind, routingKind } from '../../../src/machines/policies/kinds.ts';
import { fail } from '../../../src/machines/policies/dependency/fail.ts';
import { leastLoaded } from '../../../src/machines/policies/routing/least-loaded.ts';
import type { RetrySnapshot } from '../../../src/machines/policies/retry/port.ts';
import type { RoutingSnapshot } from '../../../src/machines/policies/routing/port.ts';
import { candidate, failed, missing, notedWatch, routed, type NotedWatch } from '../../support/policies.ts';

let watch: NotedWatch;
let unhandled: unknown[];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  watch = notedWatch();
  unhandled = [];
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await setImmediate(); // rejections are told at the end of a turn
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

const asked = (decide: (snapshot: RetrySnapshot) => unknown, snapshot = failed()) =>
  asker(retryKind, { kind: 'retry', name: 'mine', decide: decide as never }, watch)(snapshot);
const byDefault = { policy: 'fixed(0)', decision: { again: true, afterMs: 0 } };
const hostile = (trap: keyof ProxyHandler<object>): object =>
  new Proxy(
    { again: true },
    {
      [trap]: () => {
        throw new Error('a trap');
      },
    },
  );
function raise(value: unknown): never {
  throw value;
}
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const cyclic = (): object => {
  const answer: Record<string, unknown> = { again: 'yes' };
  answer['self'] = answer;
  return answer;
};

describe('a policy that misbehaves', () => {
  it.each<readonly [string, (snapshot: RetrySnapshot) => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('oh');
      },
      'threw',
    ],
    ['throws nothing', () => raise(undefined), 'threw'],
    ['throws what cannot be printed', () => raise(Object.create(null)), 'threw'],
    ['throws a proxy that throws', () => raise(hostile('getPrototypeOf')), 'threw'],
    [
      'throws an error whose message throws',
      () => raise(Object.defineProperty(new Error('x'), 'stack', { get: () => raise('y') })),
      'threw',
    ],
    ['answers nothing', () => undefined, 'answered undefined, not a decision'],
    ['answers NaN', () => Number.NaN, 'answered NaN, not a decision'],
    ['answers a promise', async () => ({ again: true }), 'answered a promise, not a decision'],
    [
      'answers a promise that rejects',
      async () => {
        throw new Error('late');
      },
      'answered a promise, not a decision',
    ],
    [
      'answers a thenable that throws',
      () => ({
        then: () => {
          throw new Error('late');
        },
      }),
      'answered a promise, not a decision',
    ],
    ['hides a promise that rejects in a field', () => ({ again: Promise.reject(new Error('late')) }), 'again is a promise, not a boolean'],
    [
      'hides one in its resources',
      () => ({ again: true, resources: { cores: Promise.reject(new Error('late')) } }),
      'resources.cores is a promise, not a number from 0',
    ],
    ['answers promises', () => [Promise.reject(new Error('late'))], 'answered an array, not a decision'],
    [
      'answers a getter that throws',
      () => ({
        get again() {
          throw new Error('no');
        },
      }),
      'threw',
    ],
    ['answers a proxy whose get throws', () => hostile('get'), 'threw'],
    ['answers a proxy whose has throws', () => hostile('has'), 'threw'],
    ['answers a revoked proxy', revoked, 'threw'],
    ['answers something huge', () => Array.from({ length: 1e6 }, (_, i) => i), 'answered an array, not a decision'],
    ['answers something that contains itself', cyclic, "again is 'yes', not a boolean"],
    ['writes to what it is shown', (snapshot) => Object.assign(snapshot, { retries: 99 }), 'threw'],
    ['writes deep into what it is shown', ({ failure }) => Object.assign(failure, { kind: 'nodeLost' }), 'threw'],
    [
      'adds an executor to those that there are',
      ({ executors }) => ({ again: true, executor: (executors as string[]).push('nowhere') }),
      'threw',
    ],
  ])('and %s does not decide', (_, decide, what) => {
    expect(asked(decide)).toEqual(byDefault);
    expect(watch.faults).toMatchObject([{ member: 'retry', policy: 'mine', what, faults: 1 }]);
  });

  it('is quoted: what it threw, as text', () => {
    asked(() => {
      throw new TypeError('x is not a function');
    });
    expect(String(watch.faults[0]?.error)).toMatch(/^TypeError: x is not a function\n {4}at /);
    expect(watch.faults[0]?.error).toBeTypeOf('string');
  });

  it('carries a promise along beside a good answer, and stops nobody when that rejects', () => {
    expect(asked(() => ({ again: true, extra: Promise.reject(new Error('late')) }))).toEqual({ policy: 'mine', decision: { again: true } });
    expect(watch.faults).toEqual([]);
  });

  it('changes its answer between two looks, and only the first counts', () => {
    let reads = 0;
    const { decision } = asked(() => ({
      again: true,
      get afterMs() {
        return reads++ === 0 ? 7 : -1;
      },
    }));
    expect([decision, decision, reads]).toEqual([{ again: true, afterMs: 7 }, { again: true, afterMs: 7 }, 1]);
  });

  it('is asked no more after five faults', () => {
    let calls = 0;
    const ask = asker(retryKind, { kind: 'retry', name: 'mine', decide: () => (++calls, 'nonsense') as never }, watch);
    for (let i = 0; i < 8; i++) expect(ask(failed())).toEqual(byDefault);
    expect([calls, watch.faults.map(({ faults }) => faults)]).toEqual([MAX_FAULTS, [1, 2, 3, 4, 5]]);
  });

  it('may be right in between, and its faults are counted all the same', () => {
    let calls = 0;
    const ask = asker(
      retryKind,
      { kind: 'retry', name: 'mine', decide: () => (++calls % 2 === 0 ? { again: false } : Number.NaN) as never },
      watch,
    );
    expect(Array.from({ length: 12 }, () => ask(failed()).policy)).toEqual(
      Array.from({ length: 12 }, (_, i) => (i < 8 && i % 2 === 1 ? 'mine' : 'fixed(0)')),
    );
  });

  it('asks itself, and the question within is answered by the built-in', () => {
    const policies: string[] = [];
    const ask = asker(
      retryKind,
      {
        kind: 'retry',
        name: 'mine',
        decide(snapshot) {
          policies.push(ask(snapshot).policy);
          return { again: false };
        },
      },
      watch,
    );
    expect(ask(failed()).policy).toBe('mine');
    expect([policies, watch.faults.map(({ what }) => what)]).toEqual([['fixed(0)'], ['refers to itself']]);
  });

  it('has a name that is no text', () => {
    const named = (name: unknown) =>
      asker(retryKind, { kind: 'retry', name: name as string, decide: () => ({ again: false }) }, watch)(failed()).policy;
    expect([named(undefined), named(Object.create(null)), named('n'.repeat(1e5)).length]).toEqual(['undefined', 'object', 2000]);
  });

  it('does no harm when who is told of it throws', () => {
    const deaf = {
      ...watch,
      onFault: () => {
        throw new Error('deaf');
      },
      onSlow: () => {
        throw new Error('deaf');
      },
      nowMs: () => performance.now() * 1e6,
    };
    expect(asker(retryKind, { kind: 'retry', name: 'mine', decide: () => null as never }, deaf)(failed())).toEqual(byDefault);
  });
});

describe('a policy that is slow', () => {
  const slow = (ms: number): void => {
    asked(() => {
      watch.tick(ms);
      return { again: false };
    });
  };

  it('is reported, and decides all the same', () => {
    slow(SLOW_MS + 1);
    expect([watch.slow, watch.faults]).toEqual([[{ member: 'retry', policy: 'mine', tookMs: SLOW_MS + 1 }], []]);
  });

  it('is not reported when it takes as long as it may', () => {
    slow(SLOW_MS);
    expect(watch.slow).toEqual([]);
  });
});

describe('other kinds', () => {
  const route = (decide: (snapshot: RoutingSnapshot) => unknown) =>
    asker(
      routingKind,
      { kind: 'routing', name: 'mine', decide: decide as never },
      watch,
    )(routed([candidate('a', { queued: 1 }), candidate('b')]));

  it.each<readonly [string, (snapshot: RoutingSnapshot) => unknown]>([
    ['names an executor that there is not', () => ({ executor: 'nowhere' })],
    [
      'adds an executor to the candidates',
      ({ candidates }) => ({ executor: (candidates as unknown[]).push(candidate('nowhere')) && 'nowhere' }),
    ],
    ['takes the candidates away', ({ candidates }) => ({ executor: (candidates as unknown[]).splice(0) && 'a' })],
    ['renames one', ({ candidates }) => Object.assign(candidates[0] ?? {}, { label: 'nowhere' })],
  ])('a routing policy that %s does not decide', (_, decide) => {
    expect(route(decide)).toEqual({ policy: 'leastLoaded', decision: { executor: 'b' } });
    expect(watch.faults).toHaveLength(1);
  });

  it('a dependency policy that answers a promise for a value does not decide', () => {
    const ask = asker(
      dependencyKind,
      { kind: 'dependency', name: 'mine', decide: () => ({ run: true, value: Promise.reject(new Error('late')) }) },
      watch,
    );
    expect(ask(missing)).toEqual({ policy: 'fail', decision: { run: false } });
    expect(watch.faults).toMatchObject([{ what: 'value is a promise, not a value' }]);
  });

  it('the defaults of troupe are not watched: they are asked directly', () => {
    const clock = { ...watch, nowMs: () => Number.NaN };
    const snapshot = routed([candidate('a')]);
    expect(asker(routingKind, leastLoaded(), clock)(snapshot)).toEqual({ policy: 'leastLoaded', decision: { executor: 'a' } });
    expect(asker(dependencyKind, fail(), clock)(missing).policy).toBe('fail');
    expect(Object.isFrozen(snapshot)).toBe(false);
  });
});

describe('what is shown', () => {
  it('is frozen at any depth, and frozen only once', () => {
    const snapshot = failed({ resources: { cores: 1 } });
    expect(sealed(snapshot)).toBe(snapshot);
    for (const part of [snapshot, snapshot.failures, snapshot.failures[0], snapshot.executors, snapshot.resources])
      expect(Object.isFrozen(part)).toBe(true);
    expect(sealed('text')).toBe('text');
    expect(sealed(undefined)).toBeUndefined();
  });

  it('is said in words when it is wrong', () => {
    expect([1, true, 'x'.repeat(99), null, undefined, {}, [], () => {}, 1n, Promise.resolve()].map(say)).toEqual([
      '1',
      'true',
      `'${'x'.repeat(60)}'`,
      'null',
      'undefined',
      'an object',
      'an array',
      'a function',
      'a bigint',
      'a promise',
    ]);
  });
});
