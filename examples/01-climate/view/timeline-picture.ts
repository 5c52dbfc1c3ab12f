/** How it ran, as one picture: what each worker did, what each task function did, and the state of all tasks. */
import type { SeenTask, SeenTry } from './recorder.ts';
import { COLOUR, line, linear, picture, surface, tag, text, ticks, type Scale } from './svg.ts';

const LEFT = 130;
const RIGHT = 1010;
const WIDTH = 1200;
const HEAVY: Readonly<Record<string, string>> = { resample: COLOUR.blue, examine: COLOUR.sky, slopes: COLOUR.green };
const KIND = { shell: COLOUR.orange, join: COLOUR.purple, function: '#8b949e' } as const;
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
    .flatMap((task) => task.tries.map((seen): Bar => ({ task, seen, start: seen.startMs / 1000, end: (seen.endMs ?? seen.startMs) / 1000 })))
    .toSorted((a, b) => a.start - b.start);
  const end = Math.max(...bars.map((bar) => bar.end));
  const x = linear([0, end], [LEFT, RIGHT]);
  const onWorkers = bars.filter(({ task }) => task.kind !== 'join');
  const workers = [...new Set(onWorkers.map(({ seen }) => seen.worker))].toSorted();
  const names = [...new Set(bars.map(({ task }) => task.name))];
  const busy = onWorkers.reduce((sum, bar) => sum + bar.end - bar.start, 0) / (workers.length * end);
  const failed = bars.filter(({ seen }) => !seen.ok);

  const top = { workers: 128, names: 128 + workers.length * 34 + 56, states: 0 };
  top.states = top.names + names.length * 24 + 62;
  const bottom = top.states + 150;
  const title = `${tasks.length} tasks in ${end.toFixed(1)} seconds on ${workers.length} workers`;
  const subtitle = `${onWorkers.length} tries on workers, which were busy ${Math.round(100 * busy)} % of the time; ${failed.length === 1 ? 'one try' : `${failed.length} tries`} failed and ${failed.length === 1 ? 'was' : 'were'} made again.`;

  return picture(
    WIDTH,
    bottom + 62,
    title,
    text(24, 46, title, { 'font-size': 20, 'font-weight': 700 }),
    text(24, 70, subtitle, { 'font-size': 13, fill: COLOUR.soft }),
    ...ticks([0, end], 8).map((at) => line([[x(at), top.workers - 6], [x(at), bottom]], { stroke: COLOUR.grid, 'stroke-width': 1 })),
    heading(top.workers, 'Workers', 'coloured as the task functions below'),
    ...workers.map((worker, i) => lane(onWorkers.filter(({ seen }) => seen.worker === worker), x, top.workers + i * 34, 28, `worker ${i + 1}`)),
    heading(top.names, 'Task functions', 'every bar is one try; side by side what ran at the same time'),
    text(RIGHT + 64, top.names - 12, 'tasks', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(RIGHT + 166, top.names - 12, 'median duration', { 'text-anchor': 'end', fill: COLOUR.soft }),
    ...names.map((name, i) => row(bars.filter(({ task }) => task.name === name), x, top.names + i * 24)),
    ...failed.map((bar) => retryMark(bar, x, top.names + names.indexOf(bar.task.name) * 24)),
    states(tasks, x, end, top.states, bottom),
    ...ticks([0, end], 8).map((at) => text(x(at), bottom + 18, String(Number(at.toPrecision(6))), { 'text-anchor': 'middle', fill: COLOUR.soft })),
    text(RIGHT, bottom + 36, 'seconds since the first task', { 'text-anchor': 'end', fill: COLOUR.soft }),
  );
}

function heading(top: number, title: string, note: string): string {
  return text(24, top - 12, title, { 'font-size': 15, 'font-weight': 600 }) + text(LEFT + 24, top - 12, note, { fill: COLOUR.soft });
}

function rectangle({ task, seen, start, end }: Bar, x: Scale, y: number, height: number): string {
  return tag('rect', { x: x(start), y, width: Math.max(0.8, x(end) - x(start) - 0.4), height, fill: seen.ok ? colourOf(task) : COLOUR.vermillion });
}

function lane(bars: readonly Bar[], x: Scale, top: number, height: number, label: string): string {
  return tag('rect', { x: LEFT, y: top, width: RIGHT - LEFT, height, fill: '#f6f8fa' }) + bars.map((bar) => rectangle(bar, x, top, height)).join('') + text(LEFT - 10, top + height / 2 + 4, label, { 'text-anchor': 'end' });
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
  const durations = bars.filter(({ seen }) => seen.ok).map(({ start, end }) => end - start).toSorted((a, b) => a - b);
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
    line([[from, top + 9], [to, top + 9]], { stroke: COLOUR.vermillion, 'stroke-dasharray': '3 3' }),
    line([[from - 4, top + 5], [from + 4, top + 13]], { stroke: COLOUR.vermillion, 'stroke-width': 2 }),
    line([[from - 4, top + 13], [from + 4, top + 5]], { stroke: COLOUR.vermillion, 'stroke-width': 2 }),
    ...(task.tries.at(-2) === seen ? [text(x((task.tries.at(-1)?.endMs ?? 0) / 1000) + 10, top + 13, `${seen.error ?? 'failed'}: tried again after ${Math.round(next.startMs - end * 1000)} ms`, { fill: '#a34700' })] : []),
  ].join('');
}

/** How many tasks were in which state, stacked. */
function states(tasks: readonly SeenTask[], x: Scale, end: number, top: number, bottom: number): string {
  const layers = [
    { name: 'done', colour: '#cfe8df' },
    { name: 'running', colour: COLOUR.blue },
    { name: 'waits to be tried again', colour: COLOUR.vermillion },
    { name: 'waiting', colour: '#e6e0c8' },
  ] as const;
  const y = linear([0, tasks.length], [bottom, top]);
  const times = Array.from({ length: 600 }, (_, i) => (i / 599) * end);
  const counts = times.map((at) => {
    const now = tasks.filter(({ submittedMs }) => submittedMs <= at * 1000).map((task) => stateAt(task, at * 1000));
    return layers.map((_, layer) => now.filter((state) => state <= layer).length);
  });
  return [
    heading(top, 'Tasks by state', ''),
    ...layers.map(({ colour }, layer) => surface(times.map((at, i) => [x(at), y(counts[i]![layer]!)]), times.map((at, i) => [x(at), y(layer === 0 ? 0 : counts[i]![layer - 1]!)]), { fill: colour })),
    ...ticks([0, tasks.length], 3).map((count) => text(LEFT - 10, y(count) + 4, String(count), { 'text-anchor': 'end', fill: COLOUR.soft })),
    line([[LEFT, bottom], [RIGHT, bottom]], { stroke: COLOUR.faint, 'stroke-width': 1 }),
    text(x(end * 0.8), y(tasks.length * 0.25), 'done', { fill: '#00694d', 'font-weight': 600 }),
    text(x(end * 0.25), y(tasks.length * 0.75), 'waiting', { fill: '#6b5f2a', 'font-weight': 600 }),
    text(RIGHT + 10, y(tasks.length) + 12, 'between them: running', { fill: COLOUR.blue, 'font-weight': 600 }),
  ].join('');
}

function stateAt({ tries, settledMs }: SeenTask, ms: number): number {
  if (settledMs !== undefined && settledMs <= ms) return 0;
  const last = tries.findLast(({ startMs }) => startMs <= ms);
  if (last === undefined) return 3;
  return last.endMs !== undefined && last.endMs <= ms && !last.ok ? 2 : 1;
}
