/**
 * Looks at the processes of this machine: from `/proc` on Linux, with `ps` elsewhere. A process is known by its pid
 * and the time it started, so that one which got the pid of another is never taken for it.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Names the job that a process belongs to: inherited by all that a job starts. */
export const JOB_NAME = 'TROUPE_JOB_NAME';

export interface ProcessView {
  readonly pid: number;
  /** Process group: the pid of its leader. */
  readonly group: number;
  /** Clock ticks since the boot on Linux, seconds since 1970 elsewhere. */
  readonly started: string;
  /** Value of {@link JOB_NAME}, as the process was started with. */
  readonly job: string | undefined;
}

interface Looker {
  /** One process; `undefined` for zombies and where there is none. */
  at(pid: number): ProcessView | undefined;
  /** Those of this user, without zombies. */
  all(): Promise<readonly ProcessView[]>;
}

/** One process, looked at without waiting; `undefined` when none of that pid runs. */
export const processAt = (pid: number): ProcessView | undefined => looker.at(pid);

/** The processes of this user that run and belong to one of these jobs, or to the group of a leader, who may have ended. */
export async function processesOf(of: {
  readonly jobs: ReadonlySet<string>;
  readonly leader?: Pick<ProcessView, 'pid' | 'started'>;
}): Promise<readonly ProcessView[]> {
  const all = await looker.all();
  // A pid is not given anew while a group has its number: where it was, the group has ended.
  const isAnother = all.some(({ pid, started }) => pid === of.leader?.pid && started !== of.leader.started);
  const groupOf = isAnother ? undefined : of.leader?.pid;
  return all.filter(({ job, group }) => group === groupOf || (job !== undefined && of.jobs.has(job)));
}

/** Signals a process, unless another has its pid by now. */
export function signalProcess({ pid, started }: Pick<ProcessView, 'pid' | 'started'>, signal: NodeJS.Signals): void {
  if (processAt(pid)?.started === started) send(pid, signal);
}

/** Signals the group of a leader, who may have ended. */
export function signalGroup({ pid, started }: Pick<ProcessView, 'pid' | 'started'>, signal: NodeJS.Signals): void {
  if ((processAt(pid)?.started ?? started) === started) send(-pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended
  }
}

const uid = process.getuid?.();

/** See proc(5). */
const proc: Looker = {
  at(pid) {
    try {
      return fromProc(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'), () => readFileSync(`/proc/${pid}/environ`, 'latin1'));
    } catch {
      return undefined;
    }
  },
  async all() {
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
    const found: ProcessView[] = [];
    for (let from = 0; from < pids.length; from += BATCH)
      found.push(...(await Promise.all(pids.slice(from, from + BATCH).map(ownInProc))).filter((view) => view !== undefined));
    return found;
  },
};
const BATCH = 32;

async function ownInProc(pid: number): Promise<ProcessView | undefined> {
  try {
    const folder = `/proc/${pid}`;
    if ((await stat(folder)).uid !== uid) return undefined;
    const [line, environ] = await Promise.all([
      readFile(`${folder}/stat`, 'latin1'),
      readFile(`${folder}/environ`, 'latin1').catch(() => ''),
    ]);
    return fromProc(pid, line, () => environ);
  } catch {
    return undefined; // gone meanwhile
  }
}

/** `pid (name) state ppid pgrp …`, of which field 22 is the start; the name may have anything in it. */
function fromProc(pid: number, line: string, environ: () => string): ProcessView | undefined {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group = ''] = fields;
  const started = fields[22 - 3];
  if (started === undefined || 'ZX'.includes(state)) return undefined;
  return { pid, group: Number(group), started, job: jobIn(environ) };
}

function jobIn(environ: () => string): string | undefined {
  try {
    const entry = environ()
      .split('\0')
      .find((each) => each.startsWith(`${JOB_NAME}=`));
    return entry?.slice(JOB_NAME.length + 1);
  } catch {
    return undefined; // another user's
  }
}

const columns = 'pid=,pgid=,uid=,stat=,lstart=,command=';
/** Dates in one form, whatever the user speaks and wherever the clock stands. */
const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
/** `-E` shows the environment behind the command. */
const ps: Looker = {
  at(pid) {
    try {
      return fromPs(execFileSync('ps', ['-Eww', '-o', columns, '-p', String(pid)], { env, encoding: 'utf8' }))[0];
    } catch {
      return undefined;
    }
  },
  async all() {
    const { stdout } = await promisify(execFile)('ps', ['-Eww', '-axo', columns], { env, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });
    return fromPs(stdout, uid);
  },
};

/** Reads what `ps` printed in our columns. */
export function fromPs(text: string, owner?: number): readonly ProcessView[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, group, user, state = '', date, rest = ''] = psLine.exec(line) ?? [];
    if (date === undefined || state.startsWith('Z') || (owner !== undefined && Number(user) !== owner)) return [];
    const job = [...rest.matchAll(jobInPs)].at(-1)?.[1];
    return [{ pid: Number(pid), group: Number(group), started: String(Date.parse(`${date} UTC`) / 1000), job }];
  });
}
const psLine = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]{8}\s+\d{4})\s(.*)$/;
const jobInPs = new RegExp(String.raw`(?:^|\s)${JOB_NAME}=([\w.-]+)`, 'g');

const looker: Looker = process.platform === 'linux' ? proc : ps;
