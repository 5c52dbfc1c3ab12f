/** Wrong use gives a typed error that names the field and the way out: at the call, or in the Future. */
import { afterEach, describe, expect, it } from 'vitest';

import { inline, threads, type ExecutorPlugin, type OpenExecutor } from '../../src/api/executors.ts';
import {
  ClosedError,
  ConfigError,
  DefinitionError,
  ExecutorError,
  join,
  NoTroupeError,
  SerializationError,
  shell,
  sh,
  task,
  TaskNotFoundError,
  Troupe,
  type TroupeConfig,
  UnroutableError,
} from '../../src/index.ts';

const echo = task(import.meta, 'misuse.echo', (value: unknown) => value);
const leaky = task(import.meta, 'misuse.leaky', () => () => 'a function');
const list = shell(import.meta, 'misuse.list', () => sh`ls`);

/** What `fn` throws, which must be of this class. */
function thrown<E extends Error>(of: abstract new (...args: never) => E, fn: () => unknown): E {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(of);
    return error as E;
  }
  throw new Error('it did not throw');
}

async function rejected<E extends Error>(of: abstract new (...args: never) => E, promise: PromiseLike<unknown>): Promise<E> {
  const error: unknown = await promise.then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(of);
  return error as E;
}

let open: Troupe[] = [];
async function start(config: TroupeConfig = {}): Promise<Troupe> {
  const troupe = await Troupe.start({ executors: [inline({ label: 'here' })], ...config });
  open.push(troupe);
  return troupe;
}
afterEach(async () => {
  await Promise.all(open.map((troupe) => troupe.close()));
  open = [];
});

describe('a configuration', () => {
  const cases: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['an unknown field', { executor: [] }, 'executor', /executor is not an option/],
    ['something that is no executor', { executors: [{ label: 'x' }] }, 'executors.0', /is not an executor; use one of troupe\/executors/],
    [
      'two executors with one label',
      { executors: [inline({ label: 'a' }), inline({ label: 'a' })] },
      'executors.label',
      /two have the label 'a'; give each one of its own/,
    ],
    [
      'a policy of another kind',
      { policies: { retry: { kind: 'routing', name: 'x', decide: () => ({}) } } },
      'policies.retry',
      /is not a retry policy: \{ kind: 'retry'/,
    ],
    ['a log level that does not exist', { log: 'verbose' }, 'log', /log .*summary.*full/],
    ['a grace below zero', { stopGraceMs: -1 }, 'stopGraceMs', /stopGraceMs .* \(it is -1\)/],
    ['a machine that is none', { machines: { task: {} } }, 'machines.task', /is not a machine; use taskMachine\.provide/],
  ];
  it.each(cases)('with %s is refused, by the name of the field', async (_, config, field, message) => {
    const error = await rejected(ConfigError, Troupe.start(config as TroupeConfig));
    expect(error).toMatchObject({ code: 'ERR_CONFIG', field });
    expect(error.message).toMatch(message);
  });

  it.each([
    ['no worker', () => threads({ workers: 0 }), 'workers'],
    ['half a worker', () => inline({ workers: 1.5 }), 'workers'],
    ['an empty label', () => inline({ label: '' }), 'label'],
    ['an unknown option', () => inline({ threads: 2 } as never), 'threads'],
  ])('of an executor with %s is refused where it is written', (_, make, field) => {
    expect(thrown(ConfigError, make).field).toBe(field);
  });
});

describe('a definition', () => {
  it.each([
    ['without import.meta', () => task({} as never, 'x', () => 1), /first argument of task\(import\.meta, 'name', …\) is not import\.meta/],
    ['without a name', () => task(import.meta, '', () => 1), /second argument .* is not a name/],
    ['without a function', () => join(import.meta, 'misuse.none', 42 as never), /'misuse\.none' in .* needs a function/],
    ['under a name that is taken', () => task(import.meta, 'misuse.echo', () => 1), /'misuse\.echo' is defined twice .* a name of its own/],
  ])('%s is refused', (_, define, message) => {
    expect(thrown(DefinitionError, define).message).toMatch(message);
  });

  it.each([
    ['negative retries', () => echo.with({ retries: -1 }), 'retries', /retries must be 0 or more \(it is -1\)/],
    [
      'a resource that does not exist',
      () => echo.with({ resources: { cpus: 2 } as never }),
      'resources.cpus',
      /resources\.cpus is not an option/,
    ],
    ['no executor', () => echo.with({ executors: [] }), 'executors', /names no executor; leave it out for any/],
    ['an output that is a string', () => list.with({ outputs: ['x'] as never }), 'outputs.0', /is not a File; write new File\(path\)/],
    ['a signal that is none', () => echo.with({ signal: {} as never }), 'signal', /is not an AbortSignal/],
    ['streams on a function task', () => echo.with({ stdout: 'x' } as never), 'stdout', /stdout is not an option/],
  ])('with %s is refused where it is written', (_, define, field, message) => {
    const error = thrown(ConfigError, define);
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
  });
});

describe('a call', () => {
  it('without a troupe says how to get one', () => {
    expect(thrown(NoTroupeError, () => echo(1)).message).toMatch(
      /misuse\.echo\(\) was called while no troupe is open; await Troupe\.start\(\) first/,
    );
  });

  it('that could mean two troupes names them', async () => {
    const [one, two] = [await start({ name: 'one' }), await start({ name: 'two' })];
    const error = thrown(NoTroupeError, () => echo(1));
    expect(error.candidates).toEqual([one.name, two.name]);
    expect(error.message).toMatch(/2 troupes are open \(one, two\); say which: troupe\.run\(misuse\.echo, …\) or troupe\.scope/);
  });

  it('naming an executor that does not exist says which there are', async () => {
    await start();
    const error = thrown(ConfigError, () => echo.with({ executors: ['there'] })(1));
    expect(error).toMatchObject({ field: 'executors', value: 'there' });
    expect(error.message).toMatch(/executors names 'there', but .* has 'here'/);
  });

  it('of run with something that is no task function is refused', async () => {
    const troupe = await start();
    expect(thrown(ConfigError, () => troupe.run((() => 1) as never)).message).toMatch(
      /not a task function; make one with task\(import\.meta, name, fn\)/,
    );
  });

  it('after close is refused, and a second close is harmless', async () => {
    const troupe = await start();
    const counts = await troupe.close();
    expect(await troupe.close()).toEqual(counts);
    expect(thrown(ClosedError, () => troupe.run(echo, 1))).toMatchObject({ code: 'ERR_CLOSED', troupe: troupe.name });
    expect(thrown(ClosedError, () => troupe.addExecutor(inline())).message).toMatch(/takes no executors/);
  });

  it('of addExecutor with something that is no executor, or has a label that is taken, is refused', async () => {
    const troupe = await start();
    for (const plugin of [undefined, {}, { label: 'x' }, inline]) {
      expect(thrown(ConfigError, () => troupe.addExecutor(plugin as never)).message).toMatch(
        /not an executor; use one of troupe\/executors/,
      );
    }
    expect(thrown(ConfigError, () => troupe.addExecutor(inline({ label: 'here' }))).message).toMatch(/two have the label 'here'/);
    expect(troupe.snapshot().executors).toHaveLength(1);
  });

  it('with an executor that has the label under which joins are recorded is refused', async () => {
    const troupe = await start();
    expect(thrown(ConfigError, () => troupe.addExecutor(inline({ label: 'driver' }))).message).toMatch(
      /'driver' is where the bodies of joins run/,
    );
  });

  it('with an argument that cannot cross rejects with its path', async () => {
    await start();
    const error = await rejected(SerializationError, echo({ on: [{ done: () => 1 }] }));
    expect(error).toMatchObject({ code: 'ERR_SERIALIZATION', side: 'arguments', path: 'args[0].on[0].done' });
    expect(error.message).toMatch(/misuse\.echo \(t1\) was not sent: .* is a function.*; pass plain data, or a File for large data/);
  });

  it('whose result cannot cross rejects with its path', async () => {
    await start();
    expect(await rejected(SerializationError, leaky())).toMatchObject({ side: 'result', path: 'result' });
  });

  it('with a Future where none can be seen rejects, and is not sent as {}', async () => {
    await start();
    class Box {
      readonly inner = echo(1);
    }
    expect((await rejected(SerializationError, echo(new Box()))).path).toBe('args[0]');
  });

  it('that no executor could ever run fails at once with the reason of each', async () => {
    await start();
    const error = await rejected(UnroutableError, echo.with({ resources: { gpus: 1 } })(1));
    expect(error.candidates).toEqual({ here: expect.stringMatching(/gpus/) });
    expect(error.message).toMatch(/no executor could ever run misuse\.echo \(t1\): here \(.*gpus/);
  });

  it('of a task that no worker can import says what was found there', async () => {
    await start({ executors: [threads({ label: 'here', workers: 1 })] });
    const lost = task({ url: new URL('../fixtures/empty.mjs', import.meta.url).href }, 'misuse.lost', () => 1);
    const error = await rejected(TaskNotFoundError, lost());
    expect(error).toMatchObject({ code: 'ERR_TASK_NOT_FOUND', identity: lost.id });
    expect(error.message).toMatch(/misuse\.lost/);
  });
});

describe('an inspector that throws', () => {
  it('is named in one warning, and ends nothing', async () => {
    const warnings: string[] = [];
    const listener = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', listener);
    const troupe = await start({
      inspect: () => {
        throw new Error('cannot look');
      },
    });
    expect(await echo('value')).toBe('value');
    expect(await troupe.close()).toMatchObject({ done: 1 });
    process.off('warning', listener);
    expect(warnings).toEqual(['inspect threw: Error: cannot look']);
  });
});

describe('an executor plugin that breaks its contract', () => {
  const well: OpenExecutor = {
    ready: Promise.resolve(),
    misfit: () => undefined,
    load: () => ({ queued: 0, running: 0, slots: 1 }),
    submit() {},
    stop() {},
    why: () => undefined,
    close: async () => {},
  };
  const bad = (part: Partial<OpenExecutor>): ExecutorPlugin => ({
    kind: 'bad',
    label: 'bad',
    copies: false,
    open: () => ({ ...well, ...part }),
  });
  const breaks = (): never => {
    throw new Error('the plugin broke');
  };

  it('by throwing when it is opened is bad, and its tasks fail with the reason', async () => {
    const troupe = await start({ executors: [{ kind: 'bad', label: 'bad', copies: false, open: breaks }] });
    expect((await rejected(UnroutableError, echo(1))).message).toMatch(/it is bad: the plugin broke/);
    expect(troupe.snapshot().executors).toMatchObject([{ state: 'bad' }]);
    expect(await troupe.close()).toMatchObject({ failed: 1 });
  });

  it('by never being ready fails the tries that it was given meanwhile', async () => {
    let fail = (_: Error): void => {};
    const ready = new Promise<void>((_, reject) => (fail = reject));
    const troupe = await start({
      executors: [bad({ ready })],
      policies: { retry: { kind: 'retry', name: 'never', decide: () => ({ again: false }) } },
    });
    const states: string[] = [];
    troupe.on('executor.state', ({ state, why }) => states.push(`${state}: ${why}`));
    const future = echo(1);
    expect(future.state).toBe('queued');
    fail(new Error('no worker came up'));
    expect(await rejected(ExecutorError, future)).toMatchObject({
      label: 'bad',
      message: expect.stringContaining('no worker came up') as string,
    });
    expect(states).toEqual(['bad: no worker came up']);
  });

  it('by throwing when it is given a try fails that try', async () => {
    const troupe = await start({
      executors: [bad({ submit: breaks })],
      policies: { retry: { kind: 'retry', name: 'never', decide: () => ({ again: false }) } },
    });
    const future = echo(1);
    expect((await rejected(Error, future)).message).toBe('the plugin broke');
    expect(future.failure).toMatchObject({ kind: 'submit', tries: 1 });
    expect(troupe.snapshot().tasks.live).toBe(0);
  });

  it('by throwing elsewhere is noted, and nothing else', async () => {
    const plugin = bad({ misfit: breaks, load: breaks, why: breaks, stop: breaks, close: breaks });
    const troupe = await start({ executors: [plugin], stopGraceMs: 0 });
    const faults = new Set<unknown>();
    troupe.on(
      '*',
      (event) => void (event.type.startsWith('executor.') && faults.add((event as { readonly what?: unknown }).what ?? event.type)),
    );
    const future = echo(1);
    expect(future.why().for).toEqual(['bad: its queue']);
    future.cancel();
    expect(future.state).toBe('cancelled');
    await rejected(Error, future);
    expect(troupe.snapshot().executors).toMatchObject([{ label: 'bad', slots: 0 }]);
    await troupe.close();
    expect([...faults]).toEqual(expect.arrayContaining(['misfit', 'load', 'why', 'stop', 'executor.closeFailed']));
    expect(troupe.snapshot()).toMatchObject({ state: 'closed', actors: 0, timers: 0 });
  });
});
