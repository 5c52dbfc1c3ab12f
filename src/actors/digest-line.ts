/**
 * The one record that every task costs at level `summary`, built by hand: in half the time of `JSON.stringify`, which
 * a test holds it against.
 */
import type { TaskDigest } from '../machines/model/story.ts';

/** Bytes that a task has printed. */
export interface Printed {
  readonly stdout: number;
  readonly stderr: number;
}

type Head = 'name' | 'identity' | 'kind';
type Always = 'taskId' | 'state' | 'dependsOn' | 'inputs' | 'tries' | 'submittedMs' | 'settledMs';
type Sometimes = 'startedMs' | 'parentId' | 'executor' | 'place' | 'timeRequestMs' | 'key' | 'failure' | 'bytes';
/** Does not compile when the digest gets a field that is not written here. */
const _isComplete: [Exclude<keyof TaskDigest, Head | Always | Sometimes>] extends [never] ? true : false = true;

/** Makes the lines of one log: it keeps what is the same for all tasks of a task function. */
export function digestLines(): (task: TaskDigest, printed: Printed | undefined) => string {
  const heads = new Map<string, string>();

  function headOf({ name, identity, kind }: TaskDigest): string {
    let head = heads.get(identity);
    if (head === undefined) {
      head = `"name":${quote(name)},"identity":${quote(identity)},"kind":"${kind}"`;
      heads.set(identity, head);
    }
    return head;
  }

  return (task, printed) => {
    const {
      taskId,
      state,
      dependsOn,
      inputs,
      tries,
      submittedMs,
      startedMs,
      settledMs,
      parentId,
      executor,
      place,
      timeRequestMs,
      key,
      failure,
      bytes,
    } = task;
    const t = String(settledMs);
    const sources = dependsOn.length === 0 ? '[]' : JSON.stringify(dependsOn);
    let line = `{"type":"task.settled","t":${t},"task":{"taskId":${quote(taskId)},${headOf(task)},"state":"${state}","dependsOn":${sources},"inputs":${inputs},"tries":${tries},"submittedMs":${submittedMs}`;
    if (startedMs !== undefined) line += `,"startedMs":${startedMs}`;
    line += `,"settledMs":${t}`;
    if (parentId !== undefined) line += `,"parentId":${quote(parentId)}`;
    if (executor !== undefined) line += `,"executor":${quote(executor)}`;
    if (place !== undefined) line += `,"place":{"host":${quote(place.host)},"worker":${quote(place.worker)}}`;
    if (timeRequestMs !== undefined) line += `,"timeRequestMs":${timeRequestMs}`;
    if (key !== undefined) line += `,"key":${quote(key)}`;
    if (failure !== undefined) line += `,"failure":${JSON.stringify(failure)}`;
    if (bytes !== undefined) line += `,"bytes":${bytes}`;
    return printed === undefined ? `${line}}}` : `${line}},"output":{"stdout":${printed.stdout},"stderr":${printed.stderr}}}`;
  };
}

/** No quote, backslash, control character or half of a pair. */
const simple = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;
/** As `JSON.stringify`. */
export const quote = (text: string): string => (simple.test(text) ? `"${text}"` : JSON.stringify(text));
