/** `troupe machines`: shows the state machines that run, drawn from the very objects. */
import { Argument, Command, Option } from 'commander';

import { mermaid } from './machine-drawing.ts';
import { markdown } from './machine-page.ts';
import { machines, type MachineView } from './machine-view.ts';
import { print } from './output.ts';

const formats = {
  mermaid: (views) => views.map((view) => (views.length > 1 ? `%% ${view.name}\n${mermaid(view)}` : mermaid(view))).join('\n'),
  json: (views) => `${JSON.stringify(views.length === 1 ? views[0] : views, undefined, 2)}\n`,
  markdown: (views) => `${views.map(markdown).join('\n\n')}\n`,
} as const satisfies Record<string, (views: readonly MachineView[]) => string>;
type Format = keyof typeof formats;

const examples = `
Examples:
  $ troupe machines task                      the task machine as a mermaid diagram
  $ troupe machines --format markdown         all of them, as pages with tables
  $ troupe machines task --json | jq '.members[] | select(.pluggable)'`;

export function machinesCommand(): Command {
  const all = machines();
  return new Command('machines')
    .description('show the state machines: states, events, guards, and what can be replaced')
    .addArgument(new Argument('[name]', 'a machine; all of them without one').choices([...all.keys()]))
    .addOption(new Option('--format <format>', 'how').choices(Object.keys(formats)).default('mermaid'))
    .addOption(new Option('--json', 'the same as --format json').implies({ format: 'json' }))
    .addHelpText('after', examples)
    .action((name: string | undefined, { format }: { readonly format: Format }) => {
      print(formats[format]([...all.values()].filter((view) => name === undefined || view.name === name)));
    });
}
