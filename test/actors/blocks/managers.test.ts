/** Who is taken on, what becomes of what managers say, and how they go. */
import { describe, expect, it } from 'vitest';

import { managerView } from '../../../src/actors/blocks/managers.ts';
import { busyManager as busy, interchangeBench, notesOf, statesOf } from '../../support/interchange-bench.ts';
import { doneBytes, ended, started, thisBuild } from '../../support/played-manager.ts';

describe('a manager that registers', () => {
  it('is welcomed, and told how often it is to be heard', () => {
    const bench = interchangeBench();
    const manager = bench.manager('m1');
    expect(manager.inbox).toEqual([{ t: 'welcome', received: 0, drop: [], heartbeatMs: 5000 }]);
    expect(manager.state).toBe('ready');
    expect(notesOf(bench, 'manager.registered')).toEqual([
      { managerId: 'm1', blockId: '1', host: 'n1', pid: 4711, workers: 4, version: '0.1.0' },
    ]);
  });

  it('brings a view of itself', async () => {
    const bench = interchangeBench();
    bench.clock.increment(1000);
    const manager = bench.manager('m1', { remainingMs: 5000 });
    expect(managerView(bench.entry('m1'))).toEqual({
      managerId: 'm1',
      blockId: '1',
      state: 'ready',
      host: 'n1',
      pid: 4711,
      registeredMs: 1000,
      heardMs: 1000,
      workers: 4,
      capacity: { cores: 8, memoryBytes: 8e9 },
      tries: 0,
      credit: 4,
      version: '0.1.0',
      node: '20.19.0',
      idleSinceMs: 1000,
      deadlineMs: 6000,
    });
    bench.submit('a/0');
    await bench.rest();
    expect(managerView(bench.entry('m1')).idleSinceMs).toBeUndefined();
    bench.clock.increment(500);
    manager.say(ended(...manager.leases()));
    expect(managerView(bench.entry('m1'))).toMatchObject({ tries: 0, idleSinceMs: 1500 });
  });

  it.each([
    ['of another protocol', { build: { ...thisBuild, protocol: 2 } }, /protocol/],
    ['of another Node', { build: { ...thisBuild, node: '22.1.0' } }, /Node.*policy compatible/],
    ['of a block that is no more', { blockId: '9' }, /there is no block 9 any more/],
    ['with the secret of another block', { secretOf: '2' }, /it says that it is of block 1, with the secret of block 2/],
  ])('is refused with the reason: %s', (_, more, why) => {
    const bench = interchangeBench();
    const manager = bench.manager('m1', more);
    expect(manager.take('refused')).toEqual([{ t: 'refused', why: expect.stringMatching(why) }]);
    expect([manager.closedWith, manager.state, bench.timers.size]).toEqual(['refused', 'gone', 0]);
    expect(notesOf(bench, 'manager.refused')).toMatchObject([{ managerId: 'm1', why: expect.stringMatching(why) }]);
    expect(bench.system.live.has('manager/1/m1')).toBe(false);
  });

  it('is refused by the name of one of another block', () => {
    const bench = interchangeBench();
    bench.manager('m1');
    const other = bench.manager('m1', { blockId: '2' });
    expect(other.take('refused')).toMatchObject([{ why: 'manager m1 is of another block' }]);
    expect(bench.entry('m1').blockId).toBe('1');
  });

  it('is held at once when its block is', async () => {
    const bench = interchangeBench();
    bench.heldBlocks.add('1');
    const manager = bench.manager('m1');
    bench.submit('a/0');
    await bench.rest();
    expect([manager.state, manager.take('grant')]).toEqual(['held', []]);
  });

  it('registers first of all, or not at all', () => {
    const bench = interchangeBench();
    const said: string[] = [];
    const handlers = bench.crew.onLink(
      { peer: 'block 1', send: () => said.push('sent'), queuedBytes: 0, close: (why) => said.push(`closed: ${why}`), terminate() {} },
      '1',
    );
    handlers.messages([{ t: 'heartbeat' }]);
    expect(said).toEqual(['closed: register comes first']);
    expect(notesOf(bench, 'link.faulted')).toEqual([{ peer: 'block 1', what: 'it starts with heartbeat, not with register' }]);
    handlers.messages([]);
    handlers.closed('register comes first');
    expect(bench.crew.live.size).toBe(0);
  });
});

describe('what a manager says', () => {
  it('is acknowledged with what is sent anyway', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.say(ended(1), ended(2), { t: 'returned', leases: [3] });
    expect(manager.take('ack')).toEqual([]);
    await bench.rest();
    expect(manager.inbox.slice(-2)).toMatchObject([{ t: 'ack', seq: 3 }, { t: 'grant' }]);
  });

  it('is acknowledged a little later when nothing is sent, and once', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    manager.say(ended(1));
    manager.say(ended(2));
    await bench.rest();
    expect(manager.take('ack')).toEqual([]);
    bench.clock.increment(20);
    expect(manager.take('ack')).toEqual([{ t: 'ack', seq: 2 }]);
    manager.say({ t: 'heartbeat' }, started(4));
    bench.clock.increment(20);
    expect(manager.take('ack')).toEqual([]);
  });

  it('is answered by a heartbeat every few seconds, whatever it runs', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    for (let i = 0; i < 12; i++) {
      manager.take('heartbeat');
      bench.clock.increment(5000);
      manager.say({ t: 'output', lease: 1, stream: 'stdout', text: '.' });
      expect(manager.take('heartbeat')).toHaveLength(1);
    }
  });

  it('counts once when it arrives twice', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    const frame = { ...ended(1), seq: 1 } as const;
    manager.frame(frame, frame);
    manager.frame(frame);
    expect(bench.endsOf('a/0')).toHaveLength(1);
    expect(notesOf(bench, 'lease.late')).toEqual([]);
    bench.clock.increment(20);
    expect(manager.take('ack')).toEqual([{ t: 'ack', seq: 1 }]);
    manager.frame(frame); // it has not heard that
    bench.clock.increment(20);
    expect(manager.take('ack')).toEqual([{ t: 'ack', seq: 1 }]);
  });

  it('is recorded and dropped when it is about a lease that is not its own', async () => {
    const bench = interchangeBench();
    await busy(bench);
    const other = bench.manager('m2');
    other.say(ended(1), { t: 'lost', lease: 2, kind: 'workerLost', message: 'SIGKILL', worker: '9' }, ended(99));
    other.say({ t: 'progress', lease: 1, value: doneBytes }, { t: 'output', lease: 1, stream: 'stdout', text: 'x' });
    other.say(started(1), { t: 'returned', leases: [3] });
    expect(notesOf(bench, 'lease.late')).toEqual([
      { managerId: 'm2', blockId: '1', lease: 1, report: 'ended' },
      { managerId: 'm2', blockId: '1', lease: 2, report: 'lost' },
      { managerId: 'm2', blockId: '1', lease: 99, report: 'ended' },
    ]);
    expect(bench.told.filter(({ type }) => type !== 'sent' && type !== 'started')).toEqual([]);
    expect(bench.exchange.granted).toBe(4);
  });
});

it('what arrives of a manager that was given up is late, and is recorded', async () => {
  const bench = interchangeBench();
  const manager = await busy(bench);
  const late = manager.onItsWay(ended(1), { t: 'heartbeat' });
  bench.crew.end(bench.entry('m1'), 'timeout', 'over');
  late();
  expect(bench.endsOf('a/0')).toMatchObject([{ type: 'failed', kind: 'walltime' }]);
  expect(notesOf(bench, 'lease.late')).toEqual([{ managerId: 'm1', blockId: '1', lease: 1, report: 'ended' }]);
});

describe('a manager that goes', () => {
  it('is drained, and what it had not started goes to others without blame', async () => {
    const bench = interchangeBench();
    const manager = await busy(bench);
    bench.crew.drain(bench.entry('m1'), 'its block is given back');
    expect([manager.state, manager.take('drain')]).toEqual(['draining', [{ t: 'drain' }]]);
    manager.say({ t: 'returned', leases: [3, 4] }, ended(1, 2), { t: 'leaving', why: 'it is empty', isBroken: false });
    expect(bench.gone).toEqual([{ managerId: 'm1', state: 'drained', end: undefined }]);
    expect([bench.exchange.queued, bench.endsOf('a/0').length, bench.endsOf('c/0')]).toEqual([2, 1, []]);
    expect(statesOf(bench, 'm1')).toEqual(['ready', 'draining', 'drained']);
    expect(manager.closedWith).toBeUndefined(); // it closes its link when it is done
    manager.drop();
    expect(bench.deadLetters).toEqual([]);
  });

  it('is gone with its block, whose end says what has befallen its tries', async () => {
    const kinds = { timeout: 'walltime', preempted: 'preempted', outOfMemory: 'oom', failed: 'nodeLost', cancelled: 'nodeLost' } as const;
    for (const [end, kind] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
      const bench = interchangeBench();
      const manager = await busy(bench);
      bench.crew.end(bench.entry('m1'), end, `block 1 has ended (${end})`);
      expect(bench.endsOf('a/0')).toMatchObject([{ type: 'failed', kind, error: { end } }]);
      expect(bench.endsOf('a/0')[0]?.error?.message).toContain(`block 1 has ended (${end})`);
      expect([bench.endsOf('c/0'), bench.exchange.queued]).toEqual([[], 2]);
      expect([manager.state, manager.closedWith]).toEqual(['gone', `block 1 has ended (${end})`]);
    }
  });

  it('is forgotten by its clocks', () => {
    const bench = interchangeBench();
    bench.manager('m1').drop();
    bench.manager('m2').say({ t: 'leaving', why: 'done', isBroken: false });
    expect(bench.timers.size).toBe(2); // silence, and the time that m1 has
    bench.crew.end(bench.entry('m1'), 'completed', 'over');
    expect(bench.timers.size).toBe(0);
    bench.clock.increment(1e6);
    expect(bench.crew.live.size).toBe(0);
  });
});

it('all are told to leave when the driver closes, and who comes then is sent away', async () => {
  const bench = interchangeBench();
  const managers = [bench.manager('m1'), bench.manager('m2')];
  managers[0]?.drop();
  bench.crew.close('the driver is closing');
  expect(managers[1]?.take('end')).toEqual([{ t: 'end', why: 'the driver is closing' }]);
  expect(managers[1]?.closedWith).toBe('the driver is closing');
  expect([bench.crew.live.size, bench.timers.size]).toEqual([0, 0]);
  await bench.rest(); // links say that they are closed
  expect(bench.deadLetters).toEqual([]);
  expect(bench.manager('m3').closedWith).toBe('the driver is closing');
  expect(bench.manager('m3').inbox).toEqual([]);
  expect(bench.crew.live.size).toBe(0);
});
