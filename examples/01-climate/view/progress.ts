/** The run as it goes: on a terminal one block of lines that is drawn again and again, elsewhere a line now and then. */
import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';

import type { SeenBlock } from './blocks.ts';
import type { SeenTask } from './recorder.ts';

export interface Progress {
  /** Writes a line that stays. */
  tell(line: string): void;
  /** Draws a last time. */
  stop(): void;
}

const BAR = 28;
const paint: typeof styleText = (colour, text) => (process.env['NO_COLOR'] === undefined ? styleText(colour, text) : text);

export function showProgress(tasks: readonly SeenTask[], blocks: readonly SeenBlock[], stream: WriteStream): Progress {
  const startedMs = Date.now();
  const seconds = () => (Date.now() - startedMs) / 1000;
  const stamp = () => `${seconds().toFixed(1).padStart(5)} s`;
  const isTerminal = stream.isTTY;
  let drawn = 0;

  function erase(): void {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  }
  function draw(): void {
    if (!isTerminal) return;
    erase();
    // a block higher than the window could not be erased
    const lines = block(tasks, blocks, seconds()).slice(0, (stream.rows || 24) - 1);
    stream.write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  }
  function tell(line: string): void {
    erase();
    stream.write(`${stamp()}  ${line}\n`);
    draw();
  }
  const timer = setInterval(() => (isTerminal ? draw() : tell(total(tasks, seconds()))), isTerminal ? 100 : 1000);
  return {
    tell,
    stop() {
      clearInterval(timer);
      if (isTerminal) draw();
      else tell(total(tasks, seconds()));
    },
  };
}

interface Tally {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly running: number;
  /** Waits until it is tried again. */
  readonly waiting: number;
  readonly retried: number;
}
function tally(tasks: readonly SeenTask[]): Tally {
  const count = (is: (task: SeenTask) => boolean) => tasks.filter(is).length;
  return {
    total: tasks.length,
    done: count(({ outcome }) => outcome === 'done'),
    failed: count(({ outcome }) => outcome === 'failed' || outcome === 'depFailed'),
    cancelled: count(({ outcome }) => outcome === 'cancelled'),
    waiting: count(({ tries, settledMs }) => settledMs === undefined && tries.at(-1)?.failure !== undefined),
    running: count(({ tries, outcome }) => outcome === undefined && tries.length > 0 && tries.at(-1)?.endMs === undefined),
    retried: tasks.reduce((sum, { tries }) => sum + Math.max(0, tries.length - 1), 0),
  };
}

function block(tasks: readonly SeenTask[], blocks: readonly SeenBlock[], seconds: number): string[] {
  const names = [...new Set(tasks.map(({ name }) => name))];
  const width = Math.max(...names.map(({ length }) => length));
  return [
    '',
    ...names.map((name) => row(name.padEnd(width), tally(tasks.filter((task) => task.name === name)))),
    '',
    `  ${'blocks'.padEnd(width)}  ${pool(blocks)}`,
    '',
    `  ${total(tasks, seconds)}, ${seconds.toFixed(1)} s`,
  ];
}

/** A square each: full when it runs tasks, hollow while it is on its way in or out. */
function pool(blocks: readonly SeenBlock[]): string {
  const live = blocks.filter(({ state }) => state !== 'ended');
  const squares = live.map(({ state }) => (state === 'ready' ? paint('cyan', '■') : paint('yellow', '□'))).join(' ');
  const ready = live.filter(({ state }) => state === 'ready').length;
  return `${squares}  ${ready} ready${live.length > ready ? `, ${live.length - ready} on the way` : ''}`;
}

function row(name: string, { total, done, failed, cancelled, running, waiting, retried }: Tally): string {
  const ended = Math.floor((BAR * (done + failed + cancelled)) / total);
  const active = Math.min(BAR - ended, Math.ceil((BAR * running) / total));
  const bar = paint('cyan', '━'.repeat(ended)) + paint('yellow', '━'.repeat(active)) + paint('gray', '─'.repeat(BAR - ended - active));
  const notes = [
    ['yellow', running, 'running'],
    ['red', failed, 'failed'],
    ['gray', cancelled, 'cancelled'],
    ['magenta', waiting, 'to be tried again'],
    ['magenta', retried, 'tried again'],
  ] as const;
  const said = notes.filter(([, count]) => count > 0).map(([colour, count, what]) => paint(colour, `${count} ${what}`));
  return `  ${name}  ${bar}  ${String(done).padStart(4)} / ${String(total).padEnd(4)}  ${said.join('  ')}`;
}

function total(tasks: readonly SeenTask[], seconds: number): string {
  const { total, done, failed, cancelled, running } = tally(tasks);
  const ended = [
    `${done} of ${total} tasks done`,
    `${running} running`,
    failed > 0 ? `${failed} failed` : '',
    cancelled > 0 ? `${cancelled} cancelled` : '',
  ];
  return `${ended.filter(Boolean).join(', ')}, ${(done / Math.max(seconds, 0.1)).toFixed(0)} a second`;
}
