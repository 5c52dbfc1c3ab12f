/**
 * Writes the pages of `docs/` that come from the sources; with `--check`, fails when one of them is not what the
 * sources say. `docs/errors.md`: a row a code from the doc comments in `src/machines/model/errors.ts`. The last
 * column of its table, what to do, is written by hand in the page itself and kept.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { report, root } from './process.mjs';

const errorsSource = 'src/machines/model/errors.ts';

/** Doc comment → one line of Markdown. */
const prose = (comment) =>
  comment
    .replaceAll(/^\s*\/?\*+\/?\s?/gm, '')
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/\s*\*\/$/, '')
    .replaceAll('|', '\\|');

/** The classes of the source, in its order, each with what it inherits resolved. */
export function errorClasses(text) {
  const classes = new Map();
  const pattern = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?(abstract )?class (\w+) extends (\w+) \{\n([\s\S]*?)^\}/gm;
  for (const [, comment = '', abstract, name, parent, body] of text.matchAll(pattern)) {
    const fields = [...body.matchAll(/^ {2}readonly (?!code\b)(\w+)\??: [^;]+;/gm)].map(([, field]) => field);
    classes.set(name, {
      name,
      abstract: abstract !== undefined,
      parent,
      when: prose(comment),
      code: /^ {2}readonly code = '(\w+)'/m.exec(body)?.[1],
      fields: [...(classes.get(parent)?.fields ?? []), ...fields],
    });
  }
  return [...classes.values()];
}

function handWritten(page) {
  const cells = new Map();
  for (const line of page.split('\n')) {
    const row = /^\| `(ERR_\w+)` \|.*\| (.*?) \|$/.exec(line);
    if (row !== null) cells.set(row[1], row[2]);
  }
  return cells;
}

function errorsPage(current) {
  const kept = handWritten(current);
  const concrete = errorClasses(readFileSync(join(root, errorsSource), 'utf8')).filter(({ abstract }) => !abstract);
  const missing = concrete.filter(({ code }) => (kept.get(code) ?? '').trim() === '').map(({ code }) => code);
  const rows = concrete.map(({ code, name, when, fields }) => {
    const cells = [`\`${code}\``, `\`${name}\``, when, fields.map((field) => `\`${field}\``).join(', ') || '–', kept.get(code) ?? ''];
    return `| ${cells.join(' | ')} |`;
  });
  const text = `# Errors

Every error that troupe throws or rejects with has a \`code\`, says what happened in its \`message\`, and has the facts in
fields, so that nothing has to be parsed. \`TroupeError.is(value)\` tells them from others, in any realm and with several
copies installed. Walk \`cause\` for the chain. Errors that settle a task have \`taskId\` and \`tryIndex\` besides.

<!-- Made from ${errorsSource} by \`npm run docs\`. Only the last column is written here. -->

| code | class | when | fields | what to do |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
  return { text, problem: missing.length > 0 ? `say what to do about ${missing.join(', ')} in the last column` : undefined };
}

const pages = { 'docs/errors.md': errorsPage };

const check = process.argv.includes('--check');
let failed = false;
for (const [path, make] of Object.entries(pages)) {
  const file = join(root, path);
  const current = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const { text, problem } = make(current);
  if (problem !== undefined) {
    report(`${path}: ${problem}`);
    failed = true;
  }
  if (text === current) continue;
  if (check) {
    report(`${path} is not what the sources say: run \`npm run docs\``);
    failed = true;
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  report(`wrote ${path}`);
}
process.exitCode = failed ? 1 : 0;
