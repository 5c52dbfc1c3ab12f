/**
 * The machine of a connection under any sequence of events: it settles at most once, its end timer runs whenever the
 * driver has not taken the manager on, and never when it has or when all is over; waits grow until it is taken on.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createActor } from 'xstate';

import { connectionMachine, retryMs, type ConnectionEvent, type ConnectionState } from '../../src/machines/connection.ts';

const event = fc.constantFrom<ConnectionEvent>(
  { type: 'connection.opened', address: 'a:1' },
  { type: 'connection.failed', why: 'nobody' },
  { type: 'connection.refused', why: 'no' },
  { type: 'connection.welcomed' },
  { type: 'connection.closed', why: 'cut' },
  { type: 'connection.silent', why: 'silent' },
  { type: 'timer.fired', timer: 'retry' },
  { type: 'timer.fired', timer: 'end' },
  { type: 'connection.end', why: 'done' },
);
/** Those that end it are rare, so that walks are long. */
const walk = fc.array(fc.oneof({ weight: 12, arbitrary: event.filter(({ type }) => !isEnd(type)) }, { weight: 1, arbitrary: event }), {
  maxLength: 60,
});
const isEnd = (type: string): boolean => ['connection.refused', 'connection.silent', 'connection.end', 'timer.fired'].includes(type);
const settled: readonly ConnectionState[] = ['refused', 'deserted', 'ended'];

it('a connection minds its timers in any sequence of events', () => {
  fc.assert(
    fc.property(walk, (events) => {
      let endTimer = false;
      let retries = 0;
      let closes = 0;
      const announced: ConnectionState[] = [];
      const actor = createActor(
        connectionMachine.provide({
          actions: {
            startEndTimer: () => (endTimer = true),
            cancelEndTimer: () => (endTimer = false),
            cancelTimers: () => (endTimer = false),
            startRetryTimer: () => retries++,
            closeLink: () => closes++,
            announce: (_, { state }) => void announced.push(state),
          },
        }),
      ).start();
      for (const each of events) {
        const before = actor.getSnapshot();
        if (before.status !== 'active') break; // the actor system does not send to what has ended
        const waits = retries;
        actor.send(each);
        const { value, context, status } = actor.getSnapshot();
        const isSettled = settled.includes(value);
        expect(status).toBe(isSettled ? 'done' : 'active');
        expect(endTimer).toBe(!isSettled && value !== 'open');
        expect(closes).toBe(isSettled ? 1 : 0);
        expect(retries - waits).toBe(value === 'waiting' && before.value !== 'waiting' ? 1 : 0);
        expect(context.attempt).toBe(value === 'open' ? 0 : before.context.attempt + (retries - waits));
        if (value === 'open' && before.value !== 'open') expect(each.type).toBe('connection.welcomed');
        if (before.value === 'open' && !isSettled && value !== 'open') expect(announced.at(-1)).toBe('probing');
      }
      expect(announced.filter((state) => settled.includes(state)).length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

it('waits are never longer than 5 s, nor shorter than half of what they were without chance', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const ms = retryMs(attempt, random);
      expect(ms).toBeLessThanOrEqual(5000);
      expect(ms).toBeGreaterThanOrEqual(25);
      expect(retryMs(attempt + 1, random)).toBeGreaterThanOrEqual(ms);
    }),
  );
});
