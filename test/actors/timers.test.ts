/** One real timer for any number of timers, on a clock that the test holds. */
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';

import { systemClock, timers, type Clock } from '../../src/actors/timers.ts';

/** A clock that keeps the real timers it was asked for. */
function watchedClock(): Clock & { readonly real: ReadonlyMap<number, number>; readonly most: number; nowMs: number; ring(): void } {
  const real = new Map<number, { readonly fn: () => void; readonly ms: number }>();
  let ids = 0;
  let most = 0;
  return {
    nowMs: 0,
    now() {
      return this.nowMs;
    },
    setTimeout(fn, ms) {
      real.set(++ids, { fn, ms });
      most = Math.max(most, real.size);
      return ids;
    },
    clearTimeout: (id) => void real.delete(id),
    get real() {
      return new Map([...real].map(([id, { ms }]) => [id, ms]));
    },
    get most() {
      return most;
    },
    /** The real timer goes off. */
    ring() {
      const [[id, timer] = []] = real;
      if (id === undefined || timer === undefined) throw new Error('there is no real timer');
      real.delete(id);
      this.nowMs += timer.ms;
      timer.fn();
    },
  };
}

describe('timers', () => {
  it('share one real timer, which goes off for the next one due', () => {
    const clock = watchedClock();
    const port = timers(clock);
    const fired: string[] = [];
    for (const [id, ms] of [
      ['c', 300],
      ['a', 100],
      ['b', 200],
      ['d', 400],
    ] as const)
      port.start(id, ms, () => fired.push(id));
    expect([...clock.real.values()]).toEqual([100]);
    clock.ring();
    expect(fired).toEqual(['a']);
    expect([...clock.real.values()]).toEqual([100]);
    clock.nowMs += 50; // the loop was held
    clock.ring();
    expect(fired).toEqual(['a', 'b']);
    clock.ring();
    clock.ring();
    expect(fired).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.most).toBe(1);
    expect(clock.real.size).toBe(0);
  });

  it('fire in the order of their times, and of being set among equals', () => {
    const clock = new SimulatedClock();
    const port = timers(clock);
    const fired: string[] = [];
    for (const [id, ms] of [
      ['late', 20],
      ['one', 10],
      ['two', 10],
      ['now', 0],
    ] as const)
      port.start(id, ms, () => fired.push(id));
    clock.increment(30);
    expect(fired).toEqual(['now', 'one', 'two', 'late']);
  });

  it('leave nothing behind when the last one is cancelled', () => {
    const clock = watchedClock();
    const port = timers(clock);
    port.start('a', 100, () => {});
    port.start('b', 200, () => {});
    port.cancel('a');
    expect(clock.real.size).toBe(1); // it may wake for nothing once
    port.cancel('b');
    port.cancel('b');
    port.cancel('nobody');
    expect(clock.real.size).toBe(0);
    expect(port.size).toBe(0);
  });

  it('wake early and sleep again for a time that a real timer cannot have', () => {
    const clock = watchedClock();
    const port = timers(clock);
    const farMs = 3 * 2 ** 31;
    const fired: number[] = [];
    port.start('far', farMs, () => fired.push(clock.now()));
    for (let wakes = 0; fired.length === 0; wakes++) {
      for (const ms of clock.real.values()) expect(ms).toBeLessThan(2 ** 31);
      expect(wakes).toBeLessThan(5);
      clock.ring();
    }
    expect(fired).toEqual([farMs]);
    expect(clock.real.size).toBe(0);
  });

  it('are moved by being started again, forwards and back', () => {
    const clock = new SimulatedClock();
    const port = timers(clock);
    const fired: string[] = [];
    port.start('a', 100, () => fired.push('first'));
    port.start('a', 200, () => fired.push('later'));
    clock.increment(150);
    expect(fired).toEqual([]);
    port.start('a', 10, () => fired.push('sooner'));
    clock.increment(10);
    expect(fired).toEqual(['sooner']);
    clock.increment(1000);
    expect(fired).toEqual(['sooner']);
    expect(port.size).toBe(0);
  });

  it('do not fire once cancelled or moved by another that was due at the same time', () => {
    const clock = new SimulatedClock();
    const port = timers(clock);
    const fired: string[] = [];
    port.start('first', 10, () => {
      fired.push('first');
      expect(port.size).toBe(2);
      port.cancel('second');
      port.start('third', 5, () => fired.push('third, moved'));
      expect(port.size).toBe(1);
    });
    port.start('second', 10, () => fired.push('second'));
    port.start('third', 10, () => fired.push('third'));
    clock.increment(10);
    expect(fired).toEqual(['first']);
    clock.increment(5);
    expect(fired).toEqual(['first', 'third, moved']);
  });

  it('that start themselves again at once fire once a turn, not for ever', () => {
    const clock = watchedClock();
    const port = timers(clock);
    let fired = 0;
    const again = (): void => {
      fired++;
      port.start('again', 0, again);
    };
    port.start('again', 0, again);
    clock.ring();
    clock.ring();
    expect(fired).toBe(2);
    expect(clock.real.size).toBe(1);
  });

  it('are all forgotten on close', () => {
    const clock = watchedClock();
    const port = timers(clock);
    const fired: string[] = [];
    port.start('a', 10, () => {
      fired.push('a');
      port.close();
    });
    port.start('b', 10, () => fired.push('b'));
    port.start('c', 20, () => fired.push('c'));
    clock.ring();
    expect(fired).toEqual(['a']);
    expect(port.size).toBe(0);
    expect(clock.real.size).toBe(0);
  });

  it('hold the process while one is set, and no longer', async () => {
    const port = timers(systemClock);
    const pending = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = pending();
    port.start('far', 1e9, () => {});
    expect(pending()).toBe(before + 1);
    await new Promise<void>((resolve) => port.start('soon', 1, resolve));
    expect(pending()).toBe(before + 1);
    port.cancel('far');
    expect(pending()).toBe(before);
  });
});
