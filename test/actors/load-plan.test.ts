import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { loadPlan, type DriverFlags, type LoaderOption } from '../../src/actors/load-plan.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';

const tsUrl = new URL('../fixtures/typed/second.ts', import.meta.url).href;
const root = new URL('../..', import.meta.url).pathname;
const driver = (over: Partial<DriverFlags> = {}): DriverFlags => ({ execArgv: [], env: {}, stripsTypes: false, workDir: root, ...over });
const plan = (option: LoaderOption, over?: Partial<DriverFlags>) => loadPlan(option, driver(over));
const bundles = async (made: ReturnType<typeof loadPlan>): Promise<boolean> => (await made.importUrlOf(tsUrl)) !== tsUrl;
const tsxLoader = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
const preflight = fileURLToPath(new URL('../../node_modules/tsx/dist/preflight.cjs', import.meta.url));

describe('loadPlan', () => {
  it.each([
    ['auto', 'without flags', {}, 'bundle'],
    ['auto', 'with --import tsx', { execArgv: ['--import', 'tsx'] }, 'tsx'],
    ['auto', 'with the flags that the tsx command gives', { execArgv: ['--require', preflight, '--import', tsxLoader] }, 'tsx'],
    ['auto', 'with tsx in NODE_OPTIONS', { env: { NODE_OPTIONS: '--no-warnings --import=tsx' } }, 'tsx'],
    ['auto', 'with ts-node', { execArgv: ['--loader', 'ts-node/esm'] }, 'as it is'],
    ['auto', 'with a flag that says nothing about TypeScript', { execArgv: ['--import', './instrument.mjs'] }, 'bundle'],
    ['auto', 'where Node strips types', { stripsTypes: true }, 'as it is'],
    ['auto', 'under vitest, where Node strips types', { stripsTypes: true, env: { VITEST: 'true' } }, 'bundle'],
    ['tsx', 'without flags', {}, 'tsx'],
    ['inherit', 'with any flag', { execArgv: ['--import', './mine.mjs'] }, 'as it is'],
    ['bundle', 'with --import tsx', { execArgv: ['--import', 'tsx'] }, 'bundle'],
  ] as const)('%s %s: a TypeScript module is loaded by %o', async (option, _, over, way) => {
    const made = plan(option, over);
    expect(made.registers.length > 0).toBe(way === 'tsx');
    expect(await bundles(made)).toBe(way === 'bundle');
  });

  it('never touches a JavaScript module', () => {
    expect(plan('bundle').importUrlOf('file:///a/b.mjs')).toBe('file:///a/b.mjs');
    expect(plan('bundle').importUrlOf('data:text/javascript,0')).toBe('data:text/javascript,0');
  });

  it('knows what it has prepared, so that later tries do not wait', async () => {
    const made = plan('bundle');
    const url = await made.importUrlOf(tsUrl);
    expect(made.importUrlOf(tsUrl)).toBe(url);
  });

  it('hands over the flags that a thread takes, and no others', () => {
    const execArgv = [
      '--input-type=module',
      '--max-old-space-size=100',
      '-C',
      'dev',
      '--conditions=more',
      '--enable-source-maps',
      '-r',
      './a.cjs',
      '--eval',
      'x',
      '--inspect',
    ];
    expect(plan('auto', { execArgv }).execArgv).toEqual(['-C', 'dev', '--conditions=more', '--enable-source-maps', '-r', './a.cjs']);
  });

  it('keeps the flags of tsx from threads, where they register nothing', () => {
    expect(plan('auto', { execArgv: ['--require', preflight, '--import', tsxLoader, '--import', './b.mjs'] }).execArgv).toEqual([
      '--import',
      './b.mjs',
    ]);
  });

  it('says what to install when tsx is asked for and is not there', () => {
    expect(() => plan('tsx', { workDir: '/' })).toThrow(ConfigError);
    expect(() => plan('tsx', { workDir: '/' })).toThrow(/install tsx/);
  });
});
