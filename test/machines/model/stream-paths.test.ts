import { describe, expect, it } from 'vitest';

import { File } from '../../../src/api/file.ts';
import { ConfigError } from '../../../src/machines/model/errors.ts';
import {
  streamTarget,
  taskLogs,
  type StreamInfo,
  type StreamOption,
  type StreamPathPolicy,
} from '../../../src/machines/model/stream-paths.ts';

const info = { runDir: '/runs/1', taskId: 't12', name: 'lines', tryIndex: 0 };

function thrown(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('streamTarget', () => {
  const cases: readonly (readonly [StreamOption | undefined, ReturnType<typeof streamTarget>])[] = [
    [undefined, undefined],
    ['out.txt', { path: 'out.txt', mode: 'append' }],
    [new File('/a b/out.txt'), { path: '/a b/out.txt', mode: 'append' }],
    [{ path: 'out.txt' }, { path: 'out.txt', mode: 'append' }],
    [
      { path: new File('/out.txt'), mode: 'truncate' },
      { path: '/out.txt', mode: 'truncate' },
    ],
    [{ auto: true }, { path: '/runs/1/task_logs/0000/task_t12_lines.stdout', mode: 'append' }],
  ];
  it.each(cases)('%o → %o', (option, target) => {
    expect(streamTarget(option, 'stdout', info)).toEqual(target);
  });

  const wrong: readonly unknown[] = ['', 'a\0b', null, 7, true, {}, { path: 7 }, { auto: false }, { path: 'x', mode: 'w' }, ['x']];
  it.each(wrong)('refuses %o', (option) => {
    expect(thrown(() => streamTarget(option as StreamOption, 'stderr', info)).field).toMatch(/^stderr/);
  });

  it('says that an automatic name needs a folder', () => {
    const { runDir: _, ...rest } = info;
    const error = thrown(() => streamTarget({ auto: true }, 'stdout', rest));
    expect(error.field).toBe('stdout');
    expect(error.message).toContain('lines (t12)');
    expect(error.message).toContain('set runDir');
  });

  it('asks the policy that is given', () => {
    const policy: StreamPathPolicy = ({ runDir, stream, tryIndex, label }) => new File(`${runDir}/${label}.${tryIndex}.${stream}`);
    expect(streamTarget({ auto: true }, 'stderr', { ...info, label: 'x' }, policy)?.path).toBe('/runs/1/x.0.stderr');
  });

  it('turns what a policy throws into a ConfigError', () => {
    const cause = new Error('no disk');
    const error = thrown(() =>
      streamTarget({ auto: true }, 'stdout', info, () => {
        throw cause;
      }),
    );
    expect(error).toMatchObject({ field: 'stdout', cause });
    expect(error.message).toContain('no disk');
  });

  it.each([undefined, '', 7, Promise.resolve('x'), new Date(0)])('refuses the answer %o of a policy', (answer) => {
    const error = thrown(() => streamTarget({ auto: true }, 'stdout', info, (() => answer) as unknown as StreamPathPolicy));
    expect(error.field).toBe('stdout');
    expect(error.message).toContain('the policy for stream paths answered, for lines (t12)');
  });
});

describe('taskLogs', () => {
  const named = (over: Partial<StreamInfo>): string => taskLogs({ ...info, stream: 'stdout', ...over });

  it('has a folder for ten thousand tasks, the label, and the stream', () => {
    expect(named({ taskId: 't9999' })).toBe('/runs/1/task_logs/0000/task_t9999_lines.stdout');
    expect(named({ taskId: 't123456', label: 'seed=1', stream: 'stderr' })).toBe('/runs/1/task_logs/0012/task_t123456_lines_seed=1.stderr');
    expect(named({ taskId: 'odd' })).toBe('/runs/1/task_logs/0000/task_odd_lines.stdout');
  });

  it('stays in its folder and within what file systems take, whatever the names are', () => {
    expect(named({ name: '../x y', label: '/etc/passwd' })).toBe('/runs/1/task_logs/0000/task_t12_.._x_y__etc_passwd.stdout');
    expect(named({ label: 'Größe' })).toContain('_Größe.');
    const [name = ''] = named({ name: '数'.repeat(400), label: 'a'.repeat(400) })
      .split('/')
      .slice(-1);
    expect(Buffer.byteLength(name)).toBeLessThan(255);
  });

  it('is the same for every try', () => {
    expect(named({ tryIndex: 3 })).toBe(named({}));
  });
});
