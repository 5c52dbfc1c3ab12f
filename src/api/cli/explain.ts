/** `troupe explain`: what a configuration will offer, and the arithmetic behind it; nothing is started. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Argument, Command, Option } from 'commander';

import type { ExecutorPlugin } from '../../actors/executors/port.ts';
import { ConfigError } from '../../machines/model/errors.ts';
import type { TroupeConfig } from '../config.ts';
import { print } from './output.ts';

const examples = `
Examples:
  $ troupe explain troupe.config.ts                         workers, blocks, tasks at once, with the arithmetic
  $ troupe explain troupe.config.js --json | jq .slots.max  for a program
  $ troupe explain config.json                              { "executors": [{ "type": "blocks", "workers": 2 }] }

A module exports what Troupe.start() takes, as config or as default; or one executor.`;

export function explainCommand(): Command {
  return new Command('explain')
    .description('show what a configuration will offer, without starting anything')
    .addArgument(new Argument('<config>', 'a module, or JSON'))
    .addOption(new Option('--json', 'for a program').default(false))
    .addHelpText('after', examples)
    .action(async (path: string, { json }: { readonly json: boolean }) => {
      const { explain } = await import('../explain.ts');
      const found = await explain(await (extname(path) === '.json' ? configOfData(path) : configOfModule(path)));
      print(json ? `${JSON.stringify(found, undefined, 2)}\n` : String(found));
    });
}

async function configOfModule(path: string): Promise<TroupeConfig> {
  const { loadPlan } = await import('../../actors/load-plan.ts');
  const plan = loadPlan('auto');
  for (const url of plan.registers) ((await import(url)) as { readonly register: () => void }).register();
  const url = await plan.importUrlOf(pathToFileURL(resolve(path)).href);
  const module = (await import(url)) as Readonly<Record<string, unknown>>;
  const config = module['config'] ?? module['default'];
  if (typeof config !== 'object' || config === null) {
    throw new ConfigError(`${path} exports no configuration; export const config = { executors: […] }`, { field: 'config', value: config });
  }
  return 'open' in config ? { executors: [config as ExecutorPlugin] } : config;
}

/** Plugins are `{ type: name, …options }`, as the registry builds them. */
async function configOfData(path: string): Promise<TroupeConfig> {
  const { registry } = await import('../registry.ts');
  const { executors, policies, ...rest } = JSON.parse(await readFile(path, 'utf8')) as {
    readonly executors?: readonly unknown[];
    readonly policies?: Readonly<Record<string, unknown>>;
  };
  return {
    ...rest,
    ...(executors === undefined ? undefined : { executors: executors.map((each) => registry.build('executor', each)) }),
    ...(policies === undefined
      ? undefined
      : { policies: Object.fromEntries(Object.entries(policies).map(([kind, each]) => [kind, registry.build(kind, each)])) }),
  };
}
