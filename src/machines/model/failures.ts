/**
 * Why a try ended without a result: a closed list of kinds, and the budget each kind spends. A failure here is a
 * digest (ids, names, sizes): the error itself stays with the task's record and never enters a context or the log.
 */
/** Which allowance a kind of failure spends. */
export type Budget = 'user' | 'infrastructure' | 'never';

/** Failure kind → the budget it spends. */
export const budgets = {
  app: 'user',
  timeLimit: 'user',
  oom: 'user',
  workerLost: 'infrastructure',
  nodeLost: 'infrastructure',
  walltime: 'infrastructure',
  preempted: 'infrastructure',
  staging: 'infrastructure',
  submit: 'infrastructure',
  serialization: 'never',
  unroutable: 'never',
  dependency: 'never',
  cancelled: 'never',
  policy: 'never',
  internal: 'never',
} as const satisfies Record<string, Budget>;

export type FailureKind = keyof typeof budgets;

/** One failed try, as guards, policies, the log and the viewer see it. */
export interface Failure {
  readonly kind: FailureKind;
  /** Name of the error's class. */
  readonly name: string;
  /** At most 500 characters. */
  readonly message: string;
  readonly code?: string;
  /** Of a command that ended by itself. */
  readonly exitCode?: number;
  readonly tryIndex: number;
  /** Label; `undefined` when no executor was involved. */
  readonly executor?: string;
  /** Host and worker that ran the try, as far as they are known. */
  readonly host?: string;
  readonly worker?: string;
}

/** Tries that infrastructure failures may cost a task. */
export const INFRASTRUCTURE_RETRIES = 10;
/** Distinct workers a task may take down before it is called poison. */
export const POISON_WORKERS = 3;

const MAX_MESSAGE = 500;

/** The digest of an error. */
export function failureOf(
  kind: FailureKind,
  error: unknown,
  at: { readonly tryIndex: number; readonly executor?: string; readonly host?: string; readonly worker?: string },
): Failure {
  const { name, message, code, exitCode } =
    error instanceof Error
      ? (error as Error & { code?: unknown; exitCode?: unknown })
      : { name: typeof error, message: printable(error), code: undefined, exitCode: undefined };
  return {
    kind,
    name: String(name),
    message: shorten(String(message)),
    ...(typeof code === 'string' ? { code } : undefined),
    ...(typeof exitCode === 'number' ? { exitCode } : undefined),
    ...at,
  };
}

const shorten = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text);

function printable(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value; // an object without a usable toString
  }
}

/** What an error says, or what was thrown in place of one; at most 500 characters. */
export const messageOf = (error: unknown): string => shorten(error instanceof Error ? String(error.message) : printable(error));
