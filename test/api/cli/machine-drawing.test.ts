/** Machines as mermaid diagrams and as pages. That mermaid draws them legibly was looked at, with mermaid 11.17 in Chromium. */
import { describe, expect, it } from 'vitest';

import { mermaid } from '../../../src/api/cli/machine-drawing.ts';
import { markdown } from '../../../src/api/cli/machine-page.ts';
import { machines, type MachineView, type StateView, type TransitionView } from '../../../src/api/cli/machine-view.ts';

const to = (event: string, target: string | null, guard: string | null = null, actions: readonly string[] = []): TransitionView => ({
  event,
  guard,
  target,
  actions,
});
const state = (name: string, transitions: readonly TransitionView[], more: Partial<StateView> = {}): StateView => ({
  name,
  description: `It is ${name}.`,
  final: false,
  tags: [],
  entry: [],
  exit: [],
  transitions,
  ...more,
});
const lamp: MachineView = {
  name: 'lamp',
  description: 'A lamp.',
  initial: 'off',
  states: [
    state('off', [
      to('press', 'on', 'isWhole', ['count']),
      to('press', 'broken'),
      to('look', null, null, ['count']),
      to('knock', null, null, ['count']),
    ]),
    state('on', [to('press', 'off'), to('pull', 'off')], { entry: ['shine'], exit: ['fade'], description: 'It says "on".' }),
    state('broken', [], { final: true }),
  ],
  anyState: [to('buy', null, null, ['pay'])],
  events: ['press', 'look', 'knock', 'pull', 'buy'],
  members: [
    { kind: 'guard', name: 'isWhole', does: 'condition', pluggable: { policy: 'retry', builtIn: 'fixed(0)' } },
    { kind: 'action', name: 'count', does: 'assignment', pluggable: null },
  ],
};

describe('a diagram', () => {
  it('has guards and actions on its arrows, what does not leave a state within it, and what any state does in a note', () => {
    expect(mermaid(lamp)).toMatchInlineSnapshot(`
      "%%{init: {"state": {"nodeSpacing": 50, "rankSpacing": 75}}}%%
      stateDiagram-v2
        direction TB
        classDef final stroke-width:4px
        [*] --> off
        state "<b>off</b><br/>It is off.<br/><i>look, knock / count</i>" as off
        state "<b>on</b><br/>It says #quot;on#quot;.<br/><i>entry / shine</i><br/><i>exit / fade</i>" as on
        state "<b>broken</b><br/>It is broken." as broken
        on --> off: press, pull
        off --> broken: press [else]
        off --> on: press [isWhole] / count
        class broken final
        note left of off
          In any state that does not say otherwise:
          buy / pay
        end note
      "
    `);
  });

  it.each([...machines()])('of %s names every state, event, guard and action, in words that mermaid can read', (_, machine) => {
    const text = mermaid(machine);
    const transitions = [...machine.states.flatMap((each) => each.transitions), ...machine.anyState];
    for (const { event, guard, actions } of transitions)
      for (const word of [event, ...(guard === null ? [] : [guard]), ...actions]) expect(text).toContain(word);
    for (const { name, description } of machine.states) {
      expect(text).toContain(`<b>${name}</b><br/>${description.replaceAll('"', '#quot;')}`);
      expect(name).toMatch(/^\w+$/);
    }
    const body = text.split('\n').slice(1);
    for (const line of body.filter((each) => each.includes(' --> '))) expect(line).toMatch(/^ {2}(\w+|\[\*\]) --> \w+(: [^:;"]+)?$/);
    for (const line of body) expect(line.split('"').length).toBeLessThanOrEqual(3);
  });
});

describe('a page', () => {
  it('has tables of states, events and members', () => {
    const page = markdown(lamp);
    expect(page).toContain('## lamp\n\nA lamp.\n\n```mermaid\n');
    expect(page.slice(page.indexOf('### States'))).toMatchInlineSnapshot(`
      "### States

      | state | what it means | on entry |
      | --- | --- | --- |
      | \`off\` | It is off. |  |
      | \`on\` | It says "on". | \`shine\` |
      | \`broken\` (final) | It is broken. |  |

      ### Events

      | event | in | if | leads to | does |
      | --- | --- | --- | --- | --- |
      | \`press\` | \`off\` | \`isWhole\` | \`on\` | \`count\` |
      | \`press\` | \`off\` | else | \`broken\` |  |
      | \`press\` | \`on\` |  | \`off\` |  |
      | \`look\` | \`off\` |  | stays | \`count\` |
      | \`knock\` | \`off\` |  | stays | \`count\` |
      | \`pull\` | \`on\` |  | \`off\` |  |
      | \`buy\` | otherwise |  | stays | \`pay\` |

      ### Guards, actions and delays

      | name | is | can be replaced |
      | --- | --- | --- |
      | \`isWhole\` | guard | yes: carries out the \`retry\` policy, built in: \`fixed(0)\` |
      | \`count\` | action: assigns to the context |  |"
    `);
  });

  it.each([...machines()])('of %s has a row for each state and each transition', (_, machine) => {
    const rows = markdown(machine)
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    for (const { name } of machine.states) expect(rows.filter((row) => row.startsWith(`| \`${name}\` `))).not.toEqual([]);
    for (const event of machine.events) expect(rows.filter((row) => row.startsWith(`| \`${event}\` `))).not.toEqual([]);
    expect(rows.every((row) => [5, 7].includes(row.split(/(?<!\\)\|/).length))).toBe(true);
  });
});
