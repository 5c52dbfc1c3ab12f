/**
 * Writes the pages of `docs/` that come from the sources; with `--check`, fails when one of them is not what the
 * sources say. `docs/errors.md`: a row a code from the doc comments in `src/machines/model/*errors.ts`. The last
 * column of its table, what to do, is written by hand in the page itself and kept. `docs/machines.md`: the machines.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { machinesPage } from './machines-page.mjs';
import { report, root } from './process.mjs';

const model = 'src/machines/model';
const isErrorFile = (name) => /^(.+-)?errors?\.ts$/.test(name);

/** Doc comment → one line of Markdown. */
const prose = (comment) =>
  comment
    .replaceAll(/^\s*\/?\*+\/?\s?/gm, '')
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/\s*\*\/$/, '')
    .replaceAll('|', '\\|');

/** The classes that a source defines: what each says itself. */
function errorClasses(text) {
  const pattern = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?(abstract )?class (\w+) extends (\w+) \{\n([\s\S]*?)^\}/gm;
  return [...text.matchAll(pattern)].map(([, comment = '', abstract, name, parent, body]) => ({
    name,
    isAbstract: abstract !== undefined,
    parent,
    when: prose(comment),
    code: /^ {2}readonly code = '(\w+)'/m.exec(body)?.[1],
    fields: [...body.matchAll(/^ {2}readonly (?!code\b)(\w+)\??: [^;]+;/gm)].map(([, field]) => field),
  }));
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
  const files = readdirSync(join(root, model)).filter(isErrorFile);
  const texts = files.map((name) => readFileSync(join(root, model, name), 'utf8'));
  const classes = texts.flatMap(errorClasses);
  const inherited = ({ parent, fields }) => {
    const above = classes.find(({ name }) => name === parent);
    return above === undefined ? fields : [...inherited(above), ...fields];
  };
  // In the order of the union of codes.
  const union = texts.map((text) => /type ErrorCode =([^;]+);/.exec(text)?.[1] ?? '').join('');
  const place = ({ code }) => union.indexOf(`'${code}'`);
  const concrete = classes
    .filter(({ isAbstract }) => !isAbstract)
    .toSorted((a, b) => place(a) - place(b))
    .map((each) => ({ ...each, fields: inherited(each) }));
  const astray = concrete.filter((each) => place(each) < 0).map(({ name }) => name);
  const missing = concrete.filter(({ code }) => (kept.get(code) ?? '').trim() === '').map(({ code }) => code);
  const rows = concrete.map(({ code, name, when, fields }) => {
    const cells = [`\`${code}\``, `\`${name}\``, when, fields.map((field) => `\`${field}\``).join(', ') || '–', kept.get(code) ?? ''];
    return `| ${cells.join(' | ')} |`;
  });
  const text = `# Errors

Every error that troupe throws or rejects with has a \`code\`, says what happened in its \`message\`, and has the facts in
fields, so that nothing has to be parsed. \`TroupeError.is(value)\` tells them from others, in any realm and with several
copies installed. Walk \`cause\` for the chain. Errors that settle a task have \`taskId\` and \`tryIndex\` besides.

<!-- Made from ${files.map((name) => `${model}/${name}`).join(', ')} by \`npm run docs\`. Only the last column is written here. -->

| code | class | when | fields | what to do |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
  if (astray.length > 0) return { text, problem: `the code of ${astray.join(', ')} is not an ErrorCode` };
  return { text, problem: missing.length > 0 ? `say what to do about ${missing.join(', ')} in the last column` : undefined };
}

const pages = { 'docs/errors.md': errorsPage, 'docs/machines.md': machinesPage };

const check = process.argv.includes('--check');
let failed = false;
for (const [path, make] of Object.entries(pages)) {
  const file = join(root, path);
  const current = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const { text, problem } = await make(current);
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
