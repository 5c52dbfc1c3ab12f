/**
 * The one record that every task costs at level `summary`, built by hand from as few pieces as can be: a third of the
 * time of `JSON.stringify`, which a test holds it against.
 */
import type { Place, TaskDigest } from '../machines/model/story.ts';

/** Bytes that a task has printed. */
export interface Printed {
  readonly stdout: number;
  readonly stderr: number;
}

type Head = 'name' | 'identity' | 'kind' | 'state';
type Always = 'taskId' | 'dependsOn' | 'inputs' | 'tries' | 'submittedMs' | 'settledMs';
type Sometimes = 'startedMs' | 'parentId' | 'executor' | 'place' | 'timeRequestMs' | 'key' | 'failure' | 'bytes';
/** Does not compile when the digest gets a field that is not written here. */
const _isComplete: [Exclude<keyof TaskDigest, Head | Always | Sometimes>] extends [never] ? true : false = true;

/** Workers that are remembered. */
const MAX_PLACES = 1000;

/** Makes the lines of one log: it keeps what is the same for many tasks. */
export function digestLines(): (task: TaskDigest, printed: Printed | undefined) => string {
  const heads = new Map<string, string>();
  const places = new Map<string, Place & { readonly executor: string | undefined; readonly text: string }>();
  const timeOf = { submitted: lastText(), started: lastText(), settled: lastText() };

  function headOf({ name, identity, kind, state }: TaskDigest): string {
    const key = identity + state;
    let head = heads.get(key);
    if (head === undefined) {
      head = `,"name":${quote(name)},"identity":${quote(identity)},"kind":"${kind}","state":"${state}","dependsOn":`;
      heads.set(key, head);
    }
    return head;
  }

  function placeOf({ executor, place }: TaskDigest): string {
    if (place === undefined) return executor === undefined ? '' : `,"executor":${quote(executor)}`;
    const { host, worker, blockId, jobId } = place;
    const known = places.get(worker);
    if (known !== undefined && known.host === host && known.blockId === blockId && known.jobId === jobId && known.executor === executor)
      return known.text;
    const block = `${blockId === undefined ? '' : `,"blockId":${quote(blockId)}`}${jobId === undefined ? '' : `,"jobId":${quote(jobId)}`}`;
    const text = `${executor === undefined ? '' : `,"executor":${quote(executor)}`},"place":{"host":${quote(host)},"worker":${quote(worker)}${block}}`;
    if (places.size === MAX_PLACES) places.clear();
    places.set(worker, { ...place, executor, text });
    return text;
  }

  return (task, printed) => {
    const { taskId, dependsOn, inputs, tries, submittedMs, startedMs, settledMs, parentId, timeRequestMs, key, failure, bytes } = task;
    const t = timeOf.settled(settledMs);
    const graph =
      dependsOn.length === 0 && inputs === 0 && tries === 1
        ? '[],"inputs":0,"tries":1'
        : `${JSON.stringify(dependsOn)},"inputs":${inputs},"tries":${tries}`;
    const started = startedMs === undefined ? '' : `,"startedMs":${timeOf.started(startedMs)}`;
    let line = `{"type":"task.settled","t":${t},"task":{"taskId":${quote(taskId)}${headOf(task)}${graph},"submittedMs":${timeOf.submitted(submittedMs)}${started},"settledMs":${t}${placeOf(task)}`;
    if (parentId !== undefined) line += `,"parentId":${quote(parentId)}`;
    if (timeRequestMs !== undefined) line += `,"timeRequestMs":${timeRequestMs}`;
    if (key !== undefined) line += `,"key":${quote(key)}`;
    if (failure !== undefined) line += `,"failure":${JSON.stringify(failure)}`;
    if (bytes !== undefined) line += `,"bytes":${bytes}`;
    return printed === undefined ? `${line}}}` : `${line}},"output":{"stdout":${printed.stdout},"stderr":${printed.stderr}}}`;
  };
}

/** Many tasks share one millisecond, and numbers are slow to write. */
function lastText(): (ms: number) => string {
  let last = Number.NaN;
  let text = '';
  return (ms) => {
    if (ms !== last) text = String(ms);
    last = ms;
    return text;
  };
}

/** No quote, backslash, control character or half of a pair. */
const simple = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;
/** As `JSON.stringify`. */
export const quote = (text: string): string => (simple.test(text) ? `"${text}"` : JSON.stringify(text));
