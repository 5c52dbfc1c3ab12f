/** Where the programs of troupe are: beside this file's folder, in `dist/` and in `src/`. */

/** URL of a program in `api/bin`: JavaScript in `dist/`; from the sources TypeScript, which is bundled first. */
export const programUrl = (name: string): string =>
  new URL(`./bin/${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url).href;
