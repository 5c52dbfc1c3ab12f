/** `explain(config)`: what a configuration will offer, and why so much, without starting anything. */
import type { ExecutorPlugin } from '../actors/executors/port.ts';
import type { ExecutorExplanation, ExplainedFact } from '../machines/model/explanation.ts';
import { checkConfig, type TroupeConfig } from './config.ts';

export type { ExecutorExplanation, ExplainedFact } from '../machines/model/explanation.ts';

/** Plain data; as a string it is a table for people. */
export interface TroupeExplanation {
  readonly executors: readonly ExecutorExplanation[];
  /** Tasks at once on all executors; `null` while one of them does not know. */
  readonly slots: { readonly init: number; readonly max: number } | null;
  readonly facts: readonly ExplainedFact[];
  toString(): string;
}

/**
 * Works out what a configuration offers: workers of a node with each limit, blocks, tasks at once, times, addresses,
 * policies. Nothing is opened.
 *
 * @throws ConfigError as `Troupe.start` would.
 * @example
 * console.log(String(await explain({ executors: [blocks({ block: { max: 4 }, coresPerWorker: 2 })] })));
 */
export async function explain(config: TroupeConfig = {}): Promise<TroupeExplanation> {
  const { executors: given, policies, retries } = checkConfig(config, 'none');
  const plugins = given ?? [(await import('./engine.ts')).defaultExecutor()];
  const executors = plugins.map(explained);
  const known = executors.flatMap(({ slots }) => (slots === null ? [] : [slots]));
  const { retry, routing, dependency } = policies;
  const found = {
    executors,
    slots:
      known.length < executors.length
        ? null
        : { init: known.reduce((sum, { init }) => sum + init, 0), max: known.reduce((sum, { max }) => sum + max, 0) },
    facts: [
      { what: 'policy retry', value: retry.name },
      { what: 'policy routing', value: routing.name },
      { what: 'policy dependency', value: dependency.name },
      {
        what: 'retries of a task',
        value: retries,
        how: 'unless it says otherwise; what the infrastructure loses is tried again beside them',
      },
    ],
  };
  return Object.defineProperty(found, 'toString', { value: () => text(found) });
}

const explained = (plugin: ExecutorPlugin): ExecutorExplanation =>
  plugin.explain?.() ?? { label: plugin.label, kind: plugin.kind, slots: null, facts: [] };

function text({ executors, slots, facts }: Omit<TroupeExplanation, 'toString'>): string {
  const parts = executors.map(({ label, kind, facts: own }) =>
    section(`${label} (${kind})`, own.length === 0 ? [{ what: 'nothing is known of it before it runs', value: '' }] : own),
  );
  const all: ExplainedFact = {
    what: 'tasks at once',
    value: slots === null ? null : slots.init === slots.max ? slots.max : `${slots.init} to ${slots.max}`,
    how: slots === null ? 'an executor does not know its nodes yet' : 'of one core each, on all executors',
  };
  return [...parts, section('all', [all, ...facts])].join('\n');
}

function section(title: string, facts: readonly ExplainedFact[]): string {
  const rows = facts.map(({ what, value, how = '' }) => [what, shown(value), how] as const);
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  const lines = rows.map(([what, value, how]) => `  ${what.padEnd(first ?? 0)}  ${value.padEnd(second ?? 0)}  ${how}`.trimEnd());
  return `${title}\n${lines.join('\n')}\n`;
}

const shown = (value: ExplainedFact['value']): string =>
  value === null ? '?' : value === true ? 'yes' : value === false ? 'no' : String(value);
