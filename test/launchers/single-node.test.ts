import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { singleNode } from '../../src/launchers/single-node.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';
import { conformsToLauncher, word } from '../conformance/launcher.ts';
import { members } from '../support/shell.ts';

const at = (ranksPerNode: number) => ({ nodes: 1, ranksPerNode, workDir: '/' });
const sayArgs = fileURLToPath(new URL('../fixtures/scripts/say-args.mjs', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-launchers-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command to its end. */
function run(argv: readonly string[], ranks: number, options: Parameters<typeof singleNode>[0] = {}) {
  const [file = '', ...args] = singleNode(options).launch(argv, at(ranks));
  const { status, signal, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  return { status, signal, lines: stdout.split('\n').filter(Boolean).toSorted(), stderr };
}

describe('singleNode', () => {
  conformsToLauncher(() => singleNode(), { nodes: 1 });

  it('starts a copy a rank, and tells each its number', () => {
    expect(run(['sh', '-c', 'echo rank $TROUPE_RANK'], 3)).toMatchObject({ status: 0, lines: ['rank 0', 'rank 1', 'rank 2'] });
  });

  it('delivers every argument unchanged, to every copy', () => {
    let count = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.array(word, { maxLength: 6 }).map((words) => words.join('')),
          { maxLength: 8 },
        ),
        (args) => {
          const file = join(folder, `said-${count++}`);
          const [program = '', ...rest] = singleNode().launch([process.execPath, sayArgs, ...args], at(2));
          expect(spawnSync(program, rest, { env: { ...process.env, SAY_TO: file } }).status).toBe(0);
          const said = readFileSync(file, 'utf8').trimEnd().split('\n').toSorted();
          expect(said.map((line) => JSON.parse(line) as unknown)).toEqual([
            { rank: '0', args },
            { rank: '1', args },
          ]);
        },
      ),
      { numRuns: 15, examples: [[['', ' ', '\n', '$(exit 3)', '`exit 3`', "'", '"', '\\']]] },
    );
  });

  it('starts programs, never what bash has under their name', () => {
    expect(run(['printf', '%q', 'a b'], 1)).toMatchObject({ status: 0, lines: ["'a b'"] }); // bash would say a\\ b
    expect(run(['pass_on'], 1)).toMatchObject({ status: 127 });
  });

  it.each([
    // ranks exit with  failOnAny  → code
    [[0, 0, 0], false, 0],
    [[7, 0, 0], false, 0],
    [[7, 8, 9], false, 7],
    [[0, 0, 0], true, 0],
    [[0, 8, 9], true, 8],
    [[7, 7, 7], true, 7],
  ])('of copies that exit with %j, failOnAny: %s, makes %i', (codes, failOnAny, code) => {
    expect(run(['bash', '-c', `codes=(${codes.join(' ')}); exit \${codes[TROUPE_RANK]}`], codes.length, { failOnAny }).status).toBe(code);
  });

  it('waits for the last copy, whichever failed before', () => {
    const script = '[ $TROUPE_RANK = 0 ] && exit 3; sleep 0.1; echo late';
    expect(run(['bash', '-c', script], 2, { failOnAny: true })).toMatchObject({ status: 3, lines: ['late'] });
  });

  it('says what a missing program says', () => {
    expect(run(['/no/such/program'], 2)).toMatchObject({ status: 127 });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on to every copy, and waits for them', async (signal) => {
    const script = `trap 'echo $TROUPE_RANK asked; exit 5' TERM; echo $TROUPE_RANK ready; while :; do sleep 0.01; done`;
    const [file = '', ...args] = singleNode().launch(['bash', '-c', script], at(2));
    const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    const ended = new Promise((settle) => child.once('close', (code) => settle(code)));
    child.stdout.on('data', (chunk) => {
      const before = text.match(/ready/g)?.length ?? 0;
      text += String(chunk);
      if (before < 2 && text.match(/ready/g)?.length === 2) child.kill(signal); // the launcher alone
    });
    expect(await ended).toBe(5);
    expect(text.match(/\d asked/g)?.toSorted()).toEqual(['0 asked', '1 asked']);
    expect(members(child.pid as number)).toEqual([]);
  });

  it('refuses options that it does not have', () => {
    expect(() => singleNode({ failOnAll: true } as never)).toThrow(ConfigError);
  });
});
