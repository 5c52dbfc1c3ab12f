/**
 * The JavaScript of `dist/`: one file an entry, and files for what entries share (docs/adr/0007). zod is put inside,
 * cut down to what is used; all other packages stay imports.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { root } from './process.mjs';

/** Packages that are put inside: a plain import of zod takes as long as all of troupe. */
const inlined = ['zod'];
/** Modules that are imported by their path in `dist/`, beside the entries of the package and its programs. */
const byPath = ['api/cli/machine-page', 'api/cli/machine-view', 'api/cli/perf-tasks'];

const src = join(root, 'src');

/** What can be imported from `dist/`, as paths without their ending. */
export function entries() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const published = Object.values(exports).flatMap((file) => /^\.\/dist\/(.+)\.js$/.exec(file)?.[1] ?? []);
  const programs = readdirSync(join(src, 'api/bin')).flatMap((file) => (file.endsWith('.ts') ? [`api/bin/${file.slice(0, -3)}`] : []));
  return [...new Set([...published, ...programs, ...byPath])];
}

/**
 * Writes JavaScript, source maps and the licences of what is inside.
 *
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function bundle(folder) {
  const esbuild = await import('esbuild'); // here: this file is read before anything is installed
  try {
    const { outputFiles, metafile } = await esbuild.build({
      absWorkingDir: root,
      entryPoints: entries().map((path) => `src/${path}.ts`),
      outdir: folder,
      outbase: 'src',
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: true,
      sourcesContent: false,
      metafile: true,
      write: false,
      logLevel: 'silent',
      logOverride: { 'ignored-bare-import': 'error' }, // package.json would have to say that the file has effects
      define: { 'import.meta.url': '__troupe_place' },
      plugins: [external, moved],
    });
    for (const { path, text } of outputFiles) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(
        path,
        text.replaceAll(
          placeholder,
          (_, module) => `new URL(${JSON.stringify(hrefBetween(path, join(folder, module)))}, import.meta.url).href`,
        ),
      );
    }
    writeFileSync(join(folder, 'THIRD-PARTY.txt'), licences(Object.keys(metafile.inputs)));
    return { code: 0, output: '' };
  } catch (error) {
    const lines = await esbuild.formatMessages(error.errors ?? [{ text: String(error.stack) }], { kind: 'error' });
    return { code: 1, output: lines.join('\n') };
  }
}

const external = {
  name: 'external',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || inlined.includes(path.split('/')[0]) ? undefined : { path, external: true },
    );
  },
};

/** A module that says where it is means its own place in `dist/`, not that of the file it was put into. */
const moved = {
  name: 'moved',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const module = relative(src, path).replace(/\.ts$/, '.js');
      const contents = readFileSync(path, 'utf8')
        // within the first line of code, so that line numbers stay
        .replace(/^(#!.*\n)?/, (hashbang) => `${hashbang}const __troupe_place = "troupe:place:${module}"; `)
        // the object `z` would keep all of zod, with its texts in fifty languages
        .replace("import { z } from 'zod'", "import * as z from 'zod'");
      return { contents, loader: 'ts' };
    });
  },
};
const placeholder = /"troupe:place:([^"]+)"/g;
const hrefBetween = (from, to) => relative(dirname(from), to).replace(/^(?!\.)/, './');

function licences(inputs) {
  const names = inlined.filter((name) => inputs.some((path) => path.startsWith(`node_modules/${name}/`)));
  const texts = names.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined || !existsSync(join(folder, file))) throw new Error(`${name} has no licence to ship`);
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return `Parts of these packages are inside the files of this folder.\n\n${texts.join('\n')}`;
}
