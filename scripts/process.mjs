/** What the scripts share: where the repository is, how a program is run, how progress is told. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** True for the module that Node was started with. */
export const isMain = (url) => process.argv[1] !== undefined && url === pathToFileURL(process.argv[1]).href;

/** A progress line; on stderr, so that a program's own output stays clean. */
export const report = (line) => process.stderr.write(`troupe: ${line}\n`);

/**
 * Runs a program in the repository. Never rejects; a program that cannot be started has code 127.
 *
 * @param {{ inherit?: boolean, env?: Record<string, string | undefined>, cwd?: string }} options - `inherit` shows the
 *   program's output on stderr at once; otherwise `output` has both of its streams in the order they came.
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, { inherit = false, env = {}, cwd = root } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: inherit ? ['ignore', process.stderr, process.stderr] : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk) => (output += chunk.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on('close', (code, signal) => resolve({ code: code ?? 128, output: signal === null ? output : `${output}ended by ${signal}\n` }));
  });
}

/** Runs a program that npm installed here. */
export const runTool = (name, args, options) => run(join(root, 'node_modules/.bin', name), args, options);
