/** How it ran, as one picture: what each worker did, what each task function did, and the state of all tasks. */
import { statesPanel } from './states-panel.ts';
import type { SeenTask, SeenTry } from './recorder.ts';
import { COLOUR, linear, picture, rule, tag, text, ticks, type Scale } from './svg.ts';

const LEFT = 130;
const RIGHT = 1010;
const WIDTH = 1200;
const HEAVY: Readonly<Record<string, string>> = { resample: COLOUR.blue, examine: COLOUR.sky, slopes: COLOUR.green };
const KIND = { shell: COLOUR.orange, join: '#e3b5d0', function: '#8b949e' } as const;
const colourOf = ({ name, kind }: SeenTask) => HEAVY[name] ?? KIND[kind];

/** A try with its task, and its times in seconds. */
interface Bar {
  readonly task: SeenTask;
  readonly seen: SeenTry;
  readonly start: number;
  readonly end: number;
}

export function timelinePicture(tasks: readonly SeenTask[]): string {
  const bars = tasks
    .flatMap((task) =>
      task.tries.map((seen): Bar => ({ task, seen, start: seen.startMs / 1000, end: (seen.endMs ?? seen.startMs) / 1000 })),
    )
    .toSorted((a, b) => a.start - b.start);
  const end = Math.max(...bars.map((bar) => bar.end));
  const x = linear([0, end], [LEFT, RIGHT]);
  const onWorkers = bars.filter(({ task }) => task.kind !== 'join');
  const workers = [...new Set(onWorkers.map(({ seen }) => seen.worker))].toSorted();
  const names = [...new Set(bars.map(({ task }) => task.name))];
  const busy = onWorkers.reduce((sum, bar) => sum + bar.end - bar.start, 0) / (workers.length * end);
  const failed = bars.filter(({ seen }) => seen.failure !== undefined);

  const top = { workers: 128, names: 128 + workers.length * 34 + 56, states: 0 };
  top.states = top.names + names.length * 24 + 62;
  const bottom = top.states + 150;
  const title = `${tasks.length} tasks in ${end.toFixed(1)} seconds on ${workers.length} worker${workers.length === 1 ? '' : 's'}`;
  const subtitle = `${onWorkers.length} tries on workers, which were busy ${Math.round(100 * busy)} % of the time; ${failed.length === 1 ? 'one try' : `${failed.length} tries`} failed and ${failed.length === 1 ? 'was' : 'were'} made again.`;

  return picture(
    WIDTH,
    bottom + 62,
    title,
    text(24, 46, title, { 'font-size': 20, 'font-weight': 700 }),
    text(24, 70, subtitle, { 'font-size': 13, fill: COLOUR.soft }),
    ...ticks([0, end], 8).map((at) => rule(x(at), top.workers - 6, x(at), bottom, { stroke: COLOUR.grid })),
    heading(top.workers, 'Workers', 'coloured as the task functions below'),
    ...workers.map((worker, i) =>
      lane(
        onWorkers.filter(({ seen }) => seen.worker === worker),
        x,
        top.workers + i * 34,
        28,
        `worker ${i + 1}`,
      ),
    ),
    heading(top.names, 'Task functions', 'every bar is one try; side by side what ran at the same time'),
    text(RIGHT + 64, top.names - 12, 'tasks', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(RIGHT + 166, top.names - 12, 'median try', { 'text-anchor': 'end', fill: COLOUR.soft }),
    ...names.map((name, i) =>
      row(
        bars.filter(({ task }) => task.name === name),
        x,
        top.names + i * 24,
      ),
    ),
    ...failed.map((bar) => retryMark(bar, x, top.names + names.indexOf(bar.task.name) * 24)),
    heading(top.states, 'Tasks by state', 'stacked'),
    statesPanel(tasks, x, end, top.states, bottom),
    ...ticks([0, end], 8).map((at) =>
      text(x(at), bottom + 18, String(Number(at.toPrecision(6))), { 'text-anchor': 'middle', fill: COLOUR.soft }),
    ),
    text(RIGHT, bottom + 36, 'seconds since the first task', { 'text-anchor': 'end', fill: COLOUR.soft }),
  );
}

function heading(top: number, title: string, note: string): string {
  return text(24, top - 12, title, { 'font-size': 15, 'font-weight': 600 }) + text(LEFT + 24, top - 12, note, { fill: COLOUR.soft });
}

function rectangle({ task, seen, start, end }: Bar, x: Scale, y: number, height: number): string {
  return tag('rect', {
    x: x(start),
    y,
    width: Math.max(0.8, x(end) - x(start) - 0.4),
    height,
    fill: seen.failure === undefined ? colourOf(task) : COLOUR.vermillion,
  });
}

function lane(bars: readonly Bar[], x: Scale, top: number, height: number, label: string): string {
  return (
    tag('rect', { x: LEFT, y: top, width: RIGHT - LEFT, height, fill: '#f6f8fa' }) +
    bars.map((bar) => rectangle(bar, x, top, height)).join('') +
    text(LEFT - 10, top + height / 2 + 4, label, { 'text-anchor': 'end' })
  );
}

/** One task function. Tries that overlap in time share the height of the row. */
function row(bars: readonly Bar[], x: Scale, top: number): string {
  const free: number[] = []; // when each sub-lane is free again
  const placed = bars.map((bar) => {
    const found = free.findIndex((until) => until <= bar.start + 1e-4);
    const sub = found === -1 ? free.length : found;
    free[sub] = bar.end;
    return { bar, sub };
  });
  const height = 18 / free.length;
  const durations = bars
    .filter(({ seen }) => seen.failure === undefined)
    .map(({ start, end }) => end - start)
    .toSorted((a, b) => a - b);
  const median = durations[Math.floor(durations.length / 2)] ?? 0;
  const { task } = bars[0]!;
  return [
    tag('rect', { x: LEFT, y: top, width: RIGHT - LEFT, height: 18, fill: '#f6f8fa' }),
    ...placed.map(({ bar, sub }) => rectangle(bar, x, top + sub * height, Math.max(1, height - (free.length > 1 ? 0.5 : 0)))),
    tag('rect', { x: 24, y: top + 4, width: 10, height: 10, fill: colourOf(task) }),
    text(40, top + 13, task.name),
    text(RIGHT + 64, top + 13, String(new Set(bars.map((bar) => bar.task)).size), { 'text-anchor': 'end' }),
    text(RIGHT + 166, top + 13, median < 1 ? `${Math.round(median * 1000)} ms` : `${median.toFixed(1)} s`, { 'text-anchor': 'end' }),
  ].join('');
}

/** From the end of a failed try to the beginning of the next, with the reason. */
function retryMark({ task, seen, end }: Bar, x: Scale, top: number): string {
  const next = task.tries[task.tries.indexOf(seen) + 1];
  if (next === undefined) return '';
  const [from, to] = [x(end), x(next.startMs / 1000)];
  return [
    rule(from, top + 9, to, top + 9, { stroke: COLOUR.vermillion, 'stroke-dasharray': '3 3' }),
    rule(from - 4, top + 5, from + 4, top + 13, { stroke: COLOUR.vermillion, 'stroke-width': 2 }),
    rule(from - 4, top + 13, from + 4, top + 5, { stroke: COLOUR.vermillion, 'stroke-width': 2 }),
    ...(task.tries.at(-2) === seen
      ? [
          text(
            x((task.tries.at(-1)?.endMs ?? 0) / 1000) + 10,
            top + 13,
            `${seen.failure?.replace(/^\S+ \(\w+\) /, '')}; tried again after ${Math.round(next.startMs - end * 1000)} ms`,
            { fill: '#a34700' },
          ),
        ]
      : []),
  ].join('');
}
