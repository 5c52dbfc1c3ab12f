/** Managers that are slow to answer, and those that are gone: who comes back, with what, and who has to do without it. */
import { describe, expect, it } from 'vitest';

import { busyManager as busy, expectNothingLeft, interchangeBench, notesOf, statesOf } from '../../support/interchange-bench.ts';
import { ended } from '../../support/played-manager.ts';

describe('a manager that is not heard', () => {
  it('is suspect after its silence, lost after its time, and what it ran has failed, the rest goes to others', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    for (let i = 0; i < 4; i++) bench.clock.increment(5000);
    expect(manager.state).toBe('ready');
    bench.clock.increment(5000);
    expect([manager.state, bench.doubted]).toEqual(['suspect', ['m1']]);
    expect(bench.told.filter(({ type }) => type === 'failed')).toEqual([]);
    for (let i = 0; i < 6; i++) bench.clock.increment(5000);
    expect([manager.state, bench.gone]).toEqual(['gone', [{ managerId: 'm1', state: 'lost', end: undefined }]]);
    expect(bench.endsOf('a/0')).toMatchObject([{ type: 'failed', kind: 'nodeLost', place: { host: 'n1', blockId: '1', worker: 'w1' } }]);
    expect(bench.endsOf('b/0')).toMatchObject([{ type: 'failed', kind: 'nodeLost' }]);
    expect([bench.endsOf('c/0'), bench.endsOf('d/0'), bench.exchange.queued]).toEqual([[], [], 2]);
    expect(statesOf(bench, 'm1')).toEqual(['ready', 'suspect', 'lost']);
    expect(manager.closedWith).toMatch(/it has said nothing for 2\d s/);
    const other = bench.manager('m2');
    await bench.rest();
    other.say(ended(...other.leases()));
    expectNothingLeft(bench);
  });

  it('is given nothing while it is suspect, and everything again when it is heard', async () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    for (let i = 0; i < 5; i++) bench.clock.increment(5000);
    bench.submit('a/0');
    await bench.rest();
    expect([manager.state, manager.take('grant')]).toEqual(['suspect', []]);
    manager.say({ t: 'heartbeat' });
    await bench.rest();
    expect([manager.state, manager.leases()]).toEqual(['ready', [1]]);
    for (let i = 0; i < 8; i++) {
      bench.clock.increment(5000);
      manager.say({ t: 'heartbeat' });
    }
    expect(manager.state).toBe('ready');
    manager.say(ended(1));
    expectNothingLeft(bench);
  });

  it('is not suspect when it is the driver that was held up', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    bench.clock.increment(5000);
    bench.clock.increment(600_000); // in one go: nothing ran meanwhile, nothing was read
    expect(manager.state).toBe('ready');
    bench.clock.increment(5000);
    expect(manager.state).toBe('ready');
    manager.say({ t: 'heartbeat' });
    expect(bench.endsOf('a/0')).toEqual([]);
  });

  it('is not lost when it is the driver that was held up while it was suspect', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.drop();
    expect(manager.state).toBe('suspect');
    bench.clock.increment(5000);
    bench.clock.increment(600_000); // it has long connected again, and nobody has read that
    expect(manager.state).toBe('suspect');
    manager.comeBack([1, 2, 3, 4]);
    expect(manager.state).toBe('ready');
    expect(bench.told.filter(({ type }) => type === 'failed')).toEqual([]);
  });

  it('is lost in the end although the driver was held up', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.drop();
    bench.clock.increment(600_000);
    for (let i = 0; i < 12; i++) bench.clock.increment(5000);
    expect(manager.state).toBe('gone');
  });
});

describe('a manager whose link is closed', () => {
  it('is suspect at once, its job is asked for, and it is lost after its time', async () => {
    const bench = interchangeBench({ lostAfterMs: 10_000 });
    const manager = await busy(bench);
    manager.drop('ECONNRESET');
    expect([manager.state, bench.doubted]).toEqual(['suspect', ['m1']]);
    bench.clock.increment(9999);
    expect(manager.state).toBe('suspect');
    bench.clock.increment(1);
    expect(manager.state).toBe('gone');
    expect(bench.endsOf('a/0')[0]?.error?.message).toBe(
      'the node that ran simulate (a) is gone: manager m1 on n1, block 1: its link has closed: ECONNRESET',
    );
    manager.comeBack([1, 2, 3, 4]);
    expect(manager.take('refused')).toEqual([
      { t: 'refused', why: 'it was given up (its link has closed: ECONNRESET), and what it had was given to others' },
    ]);
  });

  it('keeps what it has when it comes back with it', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.drop();
    await bench.rest();
    bench.clock.increment(3000);
    manager.take('welcome');
    manager.comeBack([1, 2, 3, 4], { credit: 5 });
    await bench.rest();
    expect(manager.take('welcome')).toEqual([{ t: 'welcome', received: 0, drop: [], heartbeatMs: 5000 }]);
    expect([manager.state, bench.exchange.granted, bench.exchange.queued, manager.leases()]).toEqual(['ready', 4, 0, []]);
    expect(notesOf(bench, 'manager.returned')).toEqual([{ managerId: 'm1', blockId: '1', holds: 4, drop: 0 }]);
    manager.say(ended(1, 2, 3, 4));
    expectNothingLeft(bench);
  });

  it('is told what has arrived, and what it sends again counts once', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.say(ended(1));
    manager.drop();
    // it had sent a second message that was lost, and never saw the ack of the first
    manager.take('welcome');
    manager.comeBack([1, 2, 3, 4], { sent: 2 });
    expect(manager.take('welcome')).toMatchObject([{ received: 1, drop: [1] }]);
    manager.frame({ ...ended(2), seq: 2 });
    expect([bench.endsOf('a/0').length, bench.endsOf('b/0').length]).toEqual([1, 1]);
    expect(notesOf(bench, 'lease.late')).toEqual([]);
  });

  it('has lost the grants that it does not come back with, and nobody is to blame; of what ran it has lost a try', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.drop();
    manager.comeBack([1, 4]);
    expect(bench.endsOf('b/0')).toMatchObject([{ type: 'failed', kind: 'nodeLost' }]);
    expect(bench.endsOf('b/0')[0]?.error?.message).toContain('it came back without it');
    await bench.rest();
    // c was not running: it has a new lease, here or elsewhere
    expect(manager.leases()).toEqual([5]);
    expect(bench.told.filter(({ key, type }) => key === 'c/0' && type !== 'sent')).toEqual([]);
    manager.say(ended(1, 4, 5));
    expectNothingLeft(bench);
  });

  it('is to drop what was given to others, or has ended, meanwhile', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.take('welcome');
    manager.drop();
    manager.comeBack([1, 2, 3, 4, 17]);
    expect(manager.take('welcome')).toMatchObject([{ drop: [17] }]);
  });

  it('is heard on its new link only, should the old one not know yet', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    const old = bench.entry('m1').link;
    manager.comeBack([1, 2, 3, 4]);
    await bench.rest(); // the old link says that it is closed
    expect([manager.state, bench.entry('m1').link === old]).toEqual(['ready', false]);
    manager.say(ended(1));
    expect(bench.endsOf('a/0')).toHaveLength(1);
  });

  it('comes back as it was: held, or draining and told again', async () => {
    const bench = interchangeBench();
    const [held, drains] = [bench.manager('m1'), bench.manager('m2')];
    bench.crew.hold(bench.entry('m1'));
    held.drop();
    drains.drop();
    bench.crew.drain(bench.entry('m2'), 'given back');
    held.comeBack([]);
    drains.comeBack([]);
    expect([held.state, drains.state, drains.take('drain')]).toEqual(['held', 'draining', [{ t: 'drain' }]]);
  });
});
