/** Draws a machine as a mermaid state diagram: what GitHub shows for a code block of that name. */
import type { MachineView, StateView, TransitionView } from './machine-view.ts';

/** Far enough apart that labels do not cover each other (looked at with mermaid 11.17, also for the order of the arrows). */
const SPACING = '%%{init: {"state": {"nodeSpacing": 50, "rankSpacing": 75}}}%%';

/**
 * A `stateDiagram-v2`. Guards are in brackets, actions after a slash; transitions between the same two states share
 * an arrow, those that do not leave a state stand within it, and final states have a thick border.
 */
export function mermaid(machine: MachineView): string {
  const { states, initial, anyState } = machine;
  const lines = [SPACING, 'stateDiagram-v2', '  direction TB', '  classDef final stroke-width:4px', `  [*] --> ${idOf(initial)}`];
  for (const state of states) lines.push(`  state "${body(state)}" as ${idOf(state.name)}`);
  const drawn = states.flatMap(({ name, transitions }) =>
    arrows(transitions).map(([target, labels]) => `  ${idOf(name)} --> ${idOf(target)}: ${labels.join('<br/>')}`),
  );
  lines.push(...drawn.toReversed());
  const final = states.filter((state) => state.final).map(({ name }) => idOf(name));
  if (final.length > 0) lines.push(`  class ${final.join(',')} final`);
  if (anyState.length > 0) {
    const labels = labelsOf(anyState, anyState);
    lines.push(
      `  note left of ${idOf(initial)}`,
      '    In any state that does not say otherwise:',
      ...labels.map((text) => `    ${text}`),
      '  end note',
    );
  }
  return `${lines.join('\n')}\n`;
}

const idOf = (name: string): string => name.replaceAll('.', '_');

function body({ name, description, entry, exit, transitions }: StateView): string {
  const small = [
    ...(entry.length > 0 ? [`entry / ${entry.join(', ')}`] : []),
    ...(exit.length > 0 ? [`exit / ${exit.join(', ')}`] : []),
    ...labelsOf(
      transitions.filter(({ target }) => target === null),
      transitions,
    ),
  ];
  return [`<b>${name}</b>`, description, ...small.map((line) => `<i>${line}</i>`)].join('<br/>').replaceAll('"', '#quot;');
}

/** Target → labels, in the order of the configuration. */
function arrows(transitions: readonly TransitionView[]): readonly (readonly [target: string, labels: readonly string[]])[] {
  const targets = [...new Set(transitions.flatMap(({ target }) => target ?? []))];
  return targets.map((target) => [
    target,
    labelsOf(
      transitions.filter((each) => each.target === target),
      transitions,
    ),
  ]);
}

/** `event [guard] / actions`, a line each; events that mean the same, and branches of one event, share a line. */
function labelsOf(transitions: readonly TransitionView[], beside: readonly TransitionView[]): readonly string[] {
  const parts = transitions.map((transition) => ({
    events: [transition.event],
    conditions: [conditionOf(transition, beside)],
    actions: transition.actions.join(', '),
  }));
  const byMeaning = merged(parts, ({ conditions, actions }) => `${conditions.join(' ')}/${actions}`);
  return merged(byMeaning, ({ events, actions }) => `${events.join(' ')}/${actions}`).map(({ events, conditions, actions }) => {
    const condition = conditions.filter((each) => each !== '').join(' or ');
    return `${events.join(', ')}${condition === '' ? '' : ` [${condition}]`}${actions === '' ? '' : ` / ${actions}`}`;
  });
}

interface Part {
  readonly events: readonly string[];
  readonly conditions: readonly string[];
  readonly actions: string;
}

function merged(parts: readonly Part[], keyOf: (part: Part) => string): readonly Part[] {
  const found = new Map<string, Part>();
  for (const part of parts) {
    const { events = [], conditions = [] } = found.get(keyOf(part)) ?? {};
    found.set(keyOf(part), {
      events: [...new Set([...events, ...part.events])],
      conditions: [...new Set([...conditions, ...part.conditions])],
      actions: part.actions,
    });
  }
  return [...found.values()];
}

/** The guard; `else` after others of the same event; or nothing. */
export function conditionOf({ event, guard }: TransitionView, beside: readonly TransitionView[]): string {
  return guard ?? (beside.some((other) => other.event === event && other.guard !== null) ? 'else' : '');
}
