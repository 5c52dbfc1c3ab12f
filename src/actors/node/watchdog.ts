/**
 * Ends what a manager has started when the manager is killed. Workers notice by themselves that their pipe has closed;
 * one that is busy in synchronous code does not, and its commands are in process groups of their own. So a `sh`, which
 * takes a megabyte for all workers of a node, is told of every process group, and kills those that are left a second after
 * the manager's end of its pipe has closed, however that came about: workers that can should end themselves, with
 * commands that nobody was told of yet.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

export interface Watchdog {
  /** A process group that must not outlive this process. */
  add(group: number): void;
  /** It is gone. */
  remove(group: number): void;
}

/** One line a change: `+ 123`, `- 123`. The end of the input is the end of the manager. */
const script = `
groups=' '
while read -r op group; do
  case $op in
    +) groups="$groups$group " ;;
    -) kept=' '; for each in $groups; do [ "$each" = "$group" ] || kept="$kept$each "; done; groups=$kept ;;
  esac
done
sleep 1
for each in $groups; do kill -s KILL -- "-$each" 2>/dev/null; done
exit 0`;

/** Started in a later turn than this one, and again when it has ended. @param onFailed - It has, or there is no `sh`. */
export function openWatchdog(onFailed: (why: string) => void): Watchdog {
  const groups = new Set<number>();
  let input: Writable | undefined;
  let isDue = false;

  function begin(): void {
    isDue = false;
    // a session of its own: what ends the manager's process group leaves it
    const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
    const { stdin } = child;
    input = stdin;
    const failed = (why: string): void => {
      if (input !== stdin) return;
      input = undefined;
      onFailed(why);
    };
    child.on('error', ({ message }) => failed(message));
    child.once('exit', (code, signal) => failed(`it has ended (${signal ?? `code ${code ?? ''}`})`));
    stdin.on('error', () => {}); // `exit` says it
    child.unref();
    (stdin as Socket).unref();
    stdin.write([...groups].map((group) => `+ ${group}\n`).join(''));
  }

  return {
    add(group) {
      groups.add(group);
      if (input !== undefined) input.write(`+ ${group}\n`);
      else if (!isDue) {
        isDue = true;
        setImmediate(begin);
      }
    },
    remove(group) {
      groups.delete(group);
      input?.write(`- ${group}\n`);
    },
  };
}
