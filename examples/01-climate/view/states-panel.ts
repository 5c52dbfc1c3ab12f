/** How many tasks were in which state, over time. */
import type { SeenTask } from './recorder.ts';
import { COLOUR, linear, rule, surface, text, ticks, type Scale } from './svg.ts';

export function statesPanel(tasks: readonly SeenTask[], x: Scale, end: number, top: number, bottom: number): string {
  const layers = [
    { name: 'done', colour: '#cfe8df' },
    { name: 'running', colour: COLOUR.blue },
    { name: 'waits to be tried again', colour: COLOUR.vermillion },
    { name: 'waiting', colour: '#e6e0c8' },
  ] as const;
  const [left, right] = [x(0), x(end)];
  const y = linear([0, tasks.length], [bottom, top]);
  const times = Array.from({ length: 600 }, (_, i) => (i / 599) * end);
  const counts = times.map((at) => {
    const now = tasks.filter(({ submittedMs }) => submittedMs <= at * 1000).map((task) => stateAt(task, at * 1000));
    return layers.map((_, layer) => now.filter((state) => state <= layer).length);
  });
  return [
    ...layers.map(({ colour }, layer) =>
      surface(
        times.map((at, i) => [x(at), y(counts[i]![layer]!)]),
        times.map((at, i) => [x(at), y(layer === 0 ? 0 : counts[i]![layer - 1]!)]),
        { fill: colour },
      ),
    ),
    ...ticks([0, tasks.length], 3).map((count) =>
      text(left - 10, y(count) + 4, String(count), { 'text-anchor': 'end', fill: COLOUR.soft }),
    ),
    rule(left, bottom, right, bottom, { stroke: COLOUR.faint }),
    text(x(end * 0.8), y(tasks.length * 0.25), 'done', { fill: '#00694d', 'font-weight': 600 }),
    text(x(end * 0.25), y(tasks.length * 0.75), 'waiting', { fill: '#6b5f2a', 'font-weight': 600 }),
    text(right + 10, y(tasks.length) + 12, 'between them: running', { fill: COLOUR.blue, 'font-weight': 600 }),
  ].join('');
}

function stateAt({ tries, settledMs }: SeenTask, ms: number): number {
  if (settledMs !== undefined && settledMs <= ms) return 0;
  const last = tries.findLast(({ startMs }) => startMs <= ms);
  if (last === undefined) return 3;
  return last.endMs !== undefined && last.endMs <= ms && last.failure !== undefined ? 2 : 1;
}
