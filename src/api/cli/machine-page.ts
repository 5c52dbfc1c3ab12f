/** A machine as a section of Markdown: its paragraph, the diagram, and tables of states, events and members. */
import { conditionOf, mermaid } from './machine-drawing.ts';
import type { MachineView, MemberView, TransitionView } from './machine-view.ts';

export function markdown(machine: MachineView): string {
  const { name, description, states } = machine;
  return [
    `## ${name}`,
    description,
    `\`\`\`mermaid\n${mermaid(machine)}\`\`\``,
    '### States',
    table(
      ['state', 'what it means', 'on entry'],
      states.map((state) => [`${code(state.name)}${state.final ? ' (final)' : ''}`, state.description, codes(state.entry)]),
    ),
    '### Events',
    table(['event', 'in', 'if', 'leads to', 'does'], eventRows(machine)),
    '### Guards, actions and delays',
    table(['name', 'is', 'can be replaced'], machine.members.map(memberRow)),
  ].join('\n\n');
}

const nouns = {
  condition: 'guard',
  assignment: 'action: assigns to the context',
  effect: 'action: an effect',
  delay: 'delay',
} as const satisfies Record<MemberView['does'], string>;

const memberRow = ({ name, does, pluggable }: MemberView): readonly string[] => [
  code(name),
  nouns[does],
  pluggable === null ? '' : `yes: carries out the \`${pluggable.policy}\` policy, built in: \`${pluggable.builtIn}\``,
];

/** A row for each thing that an event can do, with all the states in which it does. */
function eventRows({ states, anyState, events }: MachineView): readonly (readonly string[])[] {
  const all = [
    ...states.flatMap(({ name, transitions }) =>
      transitions.map((transition) => ({ from: code(name), transition, condition: conditionOf(transition, transitions) })),
    ),
    ...anyState.map((transition) => ({ from: 'otherwise', transition, condition: conditionOf(transition, anyState) })),
  ];
  const rows = new Map<string, { readonly from: string[]; readonly transition: TransitionView; readonly condition: string }>();
  for (const { from, transition, condition } of events.flatMap((event) => all.filter((each) => each.transition.event === event))) {
    const key = JSON.stringify([transition, condition]);
    const row = rows.get(key) ?? { from: [], transition, condition };
    row.from.push(from);
    rows.set(key, row);
  }
  return [...rows.values()].map(({ from, transition: { event, target, actions }, condition }) => [
    code(event),
    from.join(', '),
    condition === '' || condition === 'else' ? condition : code(condition),
    target === null ? 'stays' : code(target),
    codes(actions),
  ]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n');
}

const code = (text: string): string => `\`${text}\``;
const codes = (names: readonly string[]): string => names.map(code).join(', ');
