/** Routes by a table from task functions to executors. */
import { ConfigError } from '../../model/errors.ts';
import { checkPolicy } from '../options.ts';
import { leastLoaded } from './least-loaded.ts';
import type { RoutingPolicy } from './port.ts';

/**
 * @param table - Name of a task function → label of its executor.
 * @param otherwise - For names that are not in the table, or whose executor cannot run the task.
 * @throws ConfigError
 */
export function labels(table: Readonly<Record<string, string>>, otherwise: RoutingPolicy = leastLoaded()): RoutingPolicy {
  const wrong = Object.entries(table).find(([, label]) => typeof label !== 'string');
  if (wrong !== undefined)
    throw new ConfigError(`routing.labels: ${wrong[0]} has no label of an executor`, {
      field: `routing.labels: ${wrong[0]}`,
      value: wrong[1],
    });
  checkPolicy('routing.labels: otherwise', 'routing', otherwise);
  return {
    kind: 'routing',
    name: 'labels',
    decide(snapshot) {
      const wanted = Object.hasOwn(table, snapshot.name) ? table[snapshot.name] : undefined;
      const candidate = snapshot.candidates.find(({ label }) => label === wanted);
      return candidate === undefined ? otherwise.decide(snapshot) : { executor: candidate.label, why: `${snapshot.name} is in the table` };
    },
  };
}
