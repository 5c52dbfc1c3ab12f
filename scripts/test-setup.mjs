/** What vitest runs before the tests: builds `dist/` when it is older than `src/`. */
import { build, staleness } from './build.mjs';
import { report } from './process.mjs';

export async function setup() {
  if (staleness() === undefined) return;
  const { code, output } = await build();
  // No reason to stop the tests: type errors are the business of `npm run check`.
  if (code !== 0) report(`dist was built with type errors\n${output}`);
}
