/**
 * The import rules are only worth something while they catch what they forbid: plants one violation of each rule in
 * a copy of the settings and asserts that exactly those are reported. A clean tree beside them reports nothing.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Files that every rule allows; they are also what the plants import. */
const clean: Record<string, string> = {
  'src/index.ts': `export { start } from './api/troupe.ts';\n`,
  'src/api/troupe.ts': `import { slurm } from '../providers/slurm.ts';\nimport { run } from '../actors/block.ts';\nexport const start = [slurm, run];\n`,
  'src/actors/block.ts': `import { setTimeout as sleep } from 'node:timers/promises';\nimport { machine } from '../machines/block.ts';\nimport type { Provider } from '../providers/port.ts';\nimport type { Store } from '../providers/stores/port.ts';\nimport type { Launcher } from '../launchers/port.ts';\nimport type { Message } from '../transport/protocol.ts';\nimport type { Serializer } from '../transport/serializers/port.ts';\nimport type { Executor } from './executors/port.ts';\nexport const run: [typeof sleep, typeof machine, Provider?, Store?, Launcher?, Message?, Serializer?, Executor?] = [sleep, machine];\n`,
  'src/actors/executors/port.ts': `export interface Executor {\n  readonly label: string;\n}\n`,
  'src/actors/executors/inline.ts': `import type { Executor } from './port.ts';\nimport { run } from '../block.ts';\nexport const inline: [Executor?, ...unknown[]] = [undefined, run];\n`,
  'src/machines/block.ts': `import { setup } from 'xstate';\nimport { z } from 'zod';\nimport { id } from './model/ids.ts';\nimport { decide } from './policies/retry/fixed.ts';\nexport const machine: unknown[] = [setup, z, id, decide];\n`,
  'src/machines/model/ids.ts': `export const id = 'b1';\n`,
  'src/machines/policies/retry/fixed.ts': `import { id } from '../../model/ids.ts';\nexport const decide = id;\n`,
  'src/providers/port.ts': `import type { Serializer } from '../transport/serializers/port.ts';\nexport interface Provider {\n  readonly serializer: Serializer;\n}\n`,
  'src/providers/stores/port.ts': `export interface Store {\n  readonly name: string;\n}\n`,
  'src/providers/slurm.ts': `import { id } from '../machines/model/ids.ts';\nimport type { Provider } from './port.ts';\nimport type { Launcher } from '../launchers/port.ts';\nexport const slurm: [string, Provider?, Launcher?] = [id];\n`,
  'src/launchers/port.ts': `export interface Launcher {\n  readonly name: string;\n}\n`,
  'src/launchers/srun.ts': `import type { Launcher } from './port.ts';\nimport type { Provider } from '../providers/port.ts';\nexport const srun: [Provider?, Launcher?] = [];\n`,
  'src/transport/protocol.ts': `import type { id } from '../machines/model/ids.ts';\nexport type Message = typeof id;\n`,
  'src/transport/serializers/port.ts': `export interface Serializer {\n  readonly name: string;\n}\n`,
  'src/transport/serializers/cbor.ts': `import type { Serializer } from './port.ts';\nexport const cbor: Serializer[] = [];\n`,
  'example.config.ts': `export default {};\n`,
};

const imports = 'eslint(no-restricted-imports)';
const value = (specifier: string, name: string) => `import { ${name} } from '${specifier}';\nexport const planted: unknown = ${name};\n`;

/** File, its text, the rule that must catch it. */
const plants: readonly (readonly [file: string, text: string, rule: string])[] = [
  ['src/machines/actor.ts', value('../actors/block.ts', 'run'), imports],
  ['src/machines/api.ts', value('../api/troupe.ts', 'start'), imports],
  ['src/machines/launcher.ts', `import type { Launcher } from '../launchers/port.ts';\nexport type Planted = Launcher;\n`, imports],
  [
    'src/machines/model/serializer.ts',
    `import type { Serializer } from '../../transport/serializers/port.ts';\nexport type Planted = Serializer;\n`,
    imports,
  ],
  ['src/machines/policies/retry/provider.ts', value('../../../providers/slurm.ts', 'slurm'), imports],
  ['src/machines/package.ts', value('execa', 'execa'), imports],
  ['src/machines/file.ts', value('node:fs', 'readFileSync'), 'import(no-nodejs-modules)'],
  ['src/machines/clock.ts', `export const planted = (): number => Date.now();\n`, 'eslint(no-restricted-properties)'],
  ['src/machines/luck.ts', `export const planted = (): number => Math.random();\n`, 'eslint(no-restricted-properties)'],
  ['src/machines/global.ts', `export const planted = (): unknown => globalThis.process;\n`, 'eslint(no-restricted-properties)'],
  ['src/machines/timer.ts', `export const planted = (): unknown => setTimeout(() => undefined, 1);\n`, 'eslint(no-restricted-globals)'],
  ['src/machines/output.ts', `export const planted = (): void => console.log('');\n`, 'eslint(no-restricted-globals)'],
  ['src/machines/env.ts', `export const planted = (): unknown => process.env;\n`, 'eslint(no-restricted-globals)'],
  ['src/actors/api.ts', value('../api/troupe.ts', 'start'), imports],
  ['src/actors/entry.ts', value('../index.ts', 'start'), imports],
  ['src/actors/itself.ts', value('troupe/executors', 'threads'), imports],
  ['src/actors/provider.ts', value('../providers/slurm.ts', 'slurm'), imports],
  ['src/actors/launcher.ts', value('../launchers/srun.ts', 'srun'), imports],
  ['src/actors/codec.ts', value('../transport/serializers/cbor.ts', 'cbor'), imports],
  ['src/actors/executor.ts', value('./executors/inline.ts', 'inline'), imports],
  ['src/actors/executors/codec.ts', value('../../transport/serializers/cbor.ts', 'cbor'), imports],
  ['src/providers/actor.ts', value('../actors/block.ts', 'run'), imports],
  ['src/providers/api.ts', value('../api/troupe.ts', 'start'), imports],
  ['src/providers/machine.ts', value('../machines/block.ts', 'machine'), imports],
  ['src/providers/launcher.ts', value('../launchers/srun.ts', 'srun'), imports],
  ['src/providers/stores/actor.ts', value('../../actors/block.ts', 'run'), imports],
  ['src/launchers/provider.ts', value('../providers/slurm.ts', 'slurm'), imports],
  ['src/launchers/policy.ts', value('../machines/policies/retry/fixed.ts', 'decide'), imports],
  ['src/transport/machine.ts', value('../machines/block.ts', 'machine'), imports],
  ['src/transport/serializer.ts', value('./serializers/cbor.ts', 'cbor'), imports],
  ['src/transport/serializers/actor.ts', value('../../actors/block.ts', 'run'), imports],
  ['src/transport/serializers/policy.ts', value('../../machines/policies/retry/fixed.ts', 'decide'), imports],
  ['src/api/cycle-a.ts', `import type { B } from './cycle-b.ts';\nexport type A = B | 1;\n`, 'import(no-cycle)'],
  ['src/api/cycle-b.ts', `import type { A } from './cycle-a.ts';\nexport type B = A | 2;\n`, 'import(no-cycle)'],
  ['src/api/long.ts', Array.from({ length: 301 }, (_, index) => `export const v${index} = ${index};\n`).join(''), 'eslint(max-lines)'],
  ['src/api/default.ts', `export default 1;\n`, 'import(no-default-export)'],
  ['src/api/camelCase.ts', `export const planted = 1;\n`, 'unicorn(filename-case)'],
  ['src/api/any.ts', `export const planted = (x: any): number => (x === 1 ? 1 : 2);\n`, 'typescript(no-explicit-any)'],
  ['src/api/bang.ts', `export const planted = (x: number[]): number => x[0]!;\n`, 'typescript(no-non-null-assertion)'],
  ['src/api/floating.ts', `export function planted(): void {\n  Promise.resolve(1);\n}\n`, 'typescript(no-floating-promises)'],
  ['src/api/misused.ts', `export const planted = (p: Promise<boolean>): number => (p ? 1 : 2);\n`, 'typescript(no-misused-promises)'],
  [
    'src/api/switch.ts',
    `export function planted(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n      break;\n  }\n}\n`,
    'typescript(switch-exhaustiveness-check)',
  ],
  ['src/api/import.ts', `import { Stats } from 'node:fs';\nexport type Planted = Stats;\n`, 'typescript(consistent-type-imports)'],
  ['src/api/boundary.ts', `export function planted() {\n  return 1;\n}\n`, 'typescript(explicit-module-boundary-types)'],
  ['src/api/throws.ts', `export function planted(): never {\n  throw 'text';\n}\n`, 'typescript(only-throw-error)'],
  [
    'src/api/caught.ts',
    `export function planted(f: () => void): void {\n  try {\n    f();\n  } catch (error) {\n    throw new Error(typeof error);\n  }\n}\n`,
    'eslint(preserve-caught-error)',
  ],
];

interface Finding {
  readonly code: string;
  readonly filename: string;
  readonly message: string;
}
let folder: string;
let findings: readonly Finding[];
let filesSeen: number;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-lint-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(root, name), join(folder, name));
  for (const [file, text] of [...Object.entries(clean), ...plants]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--format=json', 'src', 'example.config.ts'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
    maxBuffer: 2 ** 24,
  });
  if (stdout === '') throw new Error(`oxlint said nothing but: ${stderr}`);
  const report = JSON.parse(stdout) as { readonly diagnostics: readonly Finding[]; readonly number_of_files: number };
  findings = report.diagnostics;
  filesSeen = report.number_of_files;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('looks at every file', () => {
  expect(filesSeen).toBe(Object.keys(clean).length + plants.length);
});

it.each(plants)('catches %s', (file, _text, rule) => {
  expect(findings.filter(({ filename }) => filename === file).map(({ code }) => code)).toContain(rule);
});

it('finds nothing in files that keep the rules', () => {
  expect(findings.filter(({ filename }) => filename in clean)).toEqual([]);
});
