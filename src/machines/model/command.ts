/**
 * What a shell task returns and what comes of it: the `sh` tag, which quotes every value for bash, and lists of
 * words, which need no shell. Pure text; `actors/run-shell.ts` runs it.
 */
/** Marks a `File` of any copy of troupe; `api/file.ts` has the class. */
export const fileBrand: unique symbol = Symbol.for('troupe.file') as never;
const brand: unique symbol = Symbol.for('troupe.command') as never;

/** As much of a `File` as a command needs. */
export interface FileLike {
  readonly [fileBrand]: true;
  /** Absolute, on this machine. */
  readonly path: string;
}

/** What may stand in a `sh` template or in an argv array; an array is several words, or none. */
export type Word = string | number | bigint | FileLike | Command | readonly Word[];

/** What the body of a shell task returns: a script exactly as written, a `sh` command, or an argv array. */
export type Line = string | Command | readonly Word[];

/** What a shell task gives when it has no `parse`. A stream that went to a file is empty here. */
export interface ShellResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The script, or the words quoted as a shell would want them. */
  readonly command: string;
}

let make: (script: string) => Command;

/** A bash script whose values are quoted; only {@link sh} makes one. */
export class Command {
  static {
    make = (script: string): Command => new Command(script);
  }
  readonly script: string;
  private constructor(script: string) {
    this.script = script;
  }
  get [brand](): true {
    return true;
  }
  toString(): string {
    return this.script;
  }
  /** Works across realms and duplicate installs. */
  static is(value: unknown): value is Command {
    return typeof value === 'object' && value !== null && brand in value && typeof (value as Command).script === 'string';
  }
}

export function isFileLike(value: unknown): value is FileLike {
  return typeof value === 'object' && value !== null && fileBrand in value;
}

/**
 * Makes a {@link Command}. Strings and Files arrive as exactly one word each, whatever is in them; an array is as
 * many words as it has; a `Command` is inserted as it is. The text around them is bash as you see it: a backslash
 * stays (`sh` reads the raw template), and only the two sequences JavaScript asks for are undone: `` \` `` and `\${`.
 *
 * @throws TypeError for a value that is not a word, and for one within quotes, a comment or a here-document of the
 * template, where quoting by `sh` would not protect it. Numbers and Commands may stand there.
 * @example
 * sh`sort -n ${files} | head -n ${10} > ${new File('top.txt')}`
 */
export function sh(strings: TemplateStringsArray, ...words: readonly Word[]): Command {
  if (!Array.isArray((strings as Partial<TemplateStringsArray>)?.raw))
    throw new TypeError('sh is a tag: write sh`wc -l ${file}`, without parentheses');
  const parts = strings.raw.map(unescape);
  const places = placesOf(strings, parts);
  const script = words.map((word, i) => {
    const before = parts[i] ?? '';
    const at: At = (path) => `value ${i + 1}${path} of sh\`…\`${before === '' ? '' : ` (after ${JSON.stringify(before.slice(-20))})`}`;
    // A bare number right before `<` or `>` would name a file descriptor.
    const bare = !/^[<>]/.test(parts[i + 1] ?? '');
    return (
      before +
      texts(word, at, { of: (text, path) => quoted(text, () => at(path), places[i]), number: (text) => (bare ? text : quote(text)) }).join(
        ' ',
      )
    );
  });
  return make(script.join('') + parts.slice(words.length).join(''));
}

/**
 * Quotes one word for POSIX shells.
 *
 * @throws TypeError for what no argument of a process can hold: a NUL character or half of a surrogate pair.
 */
export function quote(word: string): string {
  const flaw = flawOf(word);
  if (flaw !== undefined) throw new TypeError(`a word has ${flaw}`);
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The words of an argv array, flattened. A `Command` in it is one word, its script: `['ssh', host, sh`wc -l ${f}`]`.
 *
 * @throws TypeError as {@link sh}.
 */
export function argvOf(words: readonly Word[]): string[] {
  return words.flatMap((word, i) => {
    const at: At = (path) => `an array of words: its value ${i + 1}${path}`;
    return texts(word, at, { of: (text, path) => checked(text, () => at(path)), number: (text) => text });
  });
}

/**
 * The program to start for what a shell task has returned, and the command as people read it.
 *
 * @throws TypeError with a message that goes on after `lines (t12) returned `.
 */
export function commandLine(line: unknown): { readonly file: string; readonly args: readonly string[]; readonly command: string } {
  if (typeof line === 'string' || Command.is(line)) {
    const script = String(line);
    const flaw = flawOf(script);
    if (flaw !== undefined) throw new TypeError(`a script with ${flaw}`);
    return { file: '/bin/bash', args: ['-c', '--', script], command: script };
  }
  if (!Array.isArray(line)) throw new TypeError(`${nameOf(line)}; a shell task returns a string, sh\`…\`, or an array of words`);
  const words = argvOf(line);
  const [file = '', ...args] = words;
  if (file === '') throw new TypeError('an array whose first word, the program, is empty or not there');
  return { file, args, command: words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word))).join(' ') };
}

/** `exited with 127: <last line of stderr>`, or where that is. */
export function exitText(
  exit: { readonly exitCode: number | undefined; readonly signal: string | undefined },
  stderrPath: string | undefined,
  stderr: string,
): string {
  const how = exit.exitCode === undefined ? `was ended by ${exit.signal}` : `exited with ${exit.exitCode}`;
  if (stderrPath !== undefined) return `${how}; its stderr is in ${stderrPath}`;
  const last = stderr.trimEnd().split('\n').at(-1)?.trim().slice(0, 500);
  return last ? `${how}: ${last}` : how;
}

/** The last characters of a text that fit into `maxBytes` of UTF-8. */
export function tailOf(text: string, maxBytes: number): string {
  const chars = Array.from(text.slice(-maxBytes));
  let from = chars.length;
  for (let left = maxBytes; from > 0; from--) {
    left -= utf8Bytes(chars[from - 1] ?? '');
    if (left < 0) break;
  }
  return chars.slice(from).join('');
}

/** Of one character. */
export function utf8Bytes(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Why no argument of a process can be exactly this text; `undefined` when one can. */
export function flawOf(text: string): string | undefined {
  if (text.includes('\0')) return 'a NUL character, which ends an argument';
  return /\p{Surrogate}/u.test(text) ? 'half of a surrogate pair, which is not valid Unicode' : undefined;
}

/** How an error names a value; `path` leads to it from the value of the template or array: `[0][3]`. */
type At = (path: string) => string;

interface Render {
  of(text: string, path: string): string;
  number(text: string): string;
}

/** One text for each word in a value. */
function texts(word: unknown, at: At, render: Render, path = ''): string[] {
  if (typeof word === 'string') return [render.of(word, path)];
  if (typeof word === 'bigint' || (typeof word === 'number' && !Number.isNaN(word))) return [render.number(String(word))];
  if (Array.isArray(word)) return word.flatMap((inner: unknown, i) => texts(inner, at, render, `${path}[${i}]`));
  if (Command.is(word)) return [word.script];
  if (isFileLike(word) && typeof word.path === 'string') return [render.of(word.path, path)];
  throw new TypeError(`${at(path)} is ${wrong(word)}`);
}

/** What a value is that is not a word, and what to do about it. */
function wrong(value: unknown): string {
  if (value === undefined || value === null) return `${value}: write \`?? []\` after it if it may be left out`;
  if (typeof value === 'boolean') return `${value}: write \`condition ? '--flag' : []\``;
  if (typeof value === 'number') return 'NaN: pass String(value) if that is meant';
  if (typeof (value as { then?: unknown }).then === 'function') {
    return 'a Future or promise: await it, or pass it as an argument of the task, which is called with what it gives';
  }
  return `${nameOf(value)}: pass a string, number or File`;
}

function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name !== 'string' || name === 'Object' ? 'an object' : `an instance of ${name}`;
}

function checked(text: string, at: () => string): string {
  const flaw = flawOf(text);
  if (flaw !== undefined) throw new TypeError(`${at()} has ${flaw}`);
  return text;
}

function quoted(text: string, at: () => string, place: string | undefined): string {
  if (place !== undefined)
    throw new TypeError(`${at()} stands within ${place}, where it cannot be protected: sh quotes by itself, so put it outside`);
  return quote(checked(text, at));
}

const unescape = (raw: string): string => raw.replace(/\\(?:\\|(`|\$\{))/g, (all, forced: string | undefined) => forced ?? all);

const known = new WeakMap<TemplateStringsArray, readonly (string | undefined)[]>();

/** For each value of a template: what it stands within, when that is not plain script. */
function placesOf(strings: TemplateStringsArray, parts: readonly string[]): readonly (string | undefined)[] {
  const places = known.get(strings) ?? scan(parts.join('\0'));
  known.set(strings, places);
  return places;
}

// What a value stands within, by the innermost frame that is open. Plain script has frames too: `(`, `((` and backquotes.
const names: Readonly<Record<string, string>> = { "'": 'single quotes', "$'": 'single quotes', '"': 'double quotes', '#': 'a comment' };
const hereDocument = /<<(-?)[ \t]*(?:\\?([A-Za-z_]\w*)|'([^'\n]+)'|"([^"\n]+)")/y;

/** Follows the quoting of a script in which NUL marks the values. Source: bash(1), QUOTING, COMMENTS and Here Documents. */
function scan(script: string): readonly (string | undefined)[] {
  const places: (string | undefined)[] = [];
  const open: string[] = [];
  const documents: RegExp[] = []; // the ends of those that begin on the next line
  let at = 0;
  const next = (text: string): boolean => script.startsWith(text, at);
  const push = (frame: string, length = frame.length): void => {
    open.push(frame);
    at += length;
  };
  const pop = (length: number): void => {
    open.pop();
    at += length;
  };

  while (at < script.length) {
    const frame = open.at(-1) ?? '';
    if (next('\0')) {
      places.push(names[frame]);
      at++;
    } else if (frame === '#' && next('\n')) pop(0);
    else if (next('\\') && frame !== "'" && frame !== '#') at += 2;
    else if ((frame === "'" || frame === "$'") && next("'")) pop(1);
    else if (frame === '#' || frame === "'" || frame === "$'") at++;
    else if ((frame === '`' || frame === '"') && next(frame)) pop(1);
    else if (next('`')) push('`');
    else if (next('"')) push('"');
    else if (next('$((')) push('((', 3);
    else if (next('$(')) push('(', 2);
    else if (frame === '"') at++;
    else if (next("$'")) push("$'");
    else if (next("'")) push("'");
    else if (next('((')) push('((');
    else if (next('(')) push('(');
    else if (next('))') && frame === '((') pop(2);
    else if (next(')') && frame === '(') pop(1);
    else if (next('#') && !open.includes('((') && /[\s;&|()]/.test(script[at - 1] ?? '\n')) push('#');
    else if (next('<<<')) at += 3;
    else if (next('<<') && !open.includes('((')) at += begin();
    else if (next('\n')) at += 1 + skip();
    else at++;
  }
  return places;

  function begin(): number {
    hereDocument.lastIndex = at;
    const [text = '<<', tabs, ...ends] = hereDocument.exec(script) ?? [];
    const end = ends.find((mark) => mark !== undefined);
    if (end !== undefined) documents.push(new RegExp(`^${tabs === '-' ? '\\t*' : ''}${end.replace(/\W/g, '\\$&')}$`, 'm'));
    return text.length;
  }

  /** The length of the here-documents that begin after this newline; marks the values in them. */
  function skip(): number {
    let rest = script.slice(at + 1);
    for (const end of documents.splice(0)) {
      const found = end.exec(rest);
      const length = found === null ? rest.length : found.index + found[0].length;
      for (const _ of rest.slice(0, length).matchAll(/\0/g)) places.push('a here-document');
      rest = rest.slice(length);
    }
    return script.length - at - 1 - rest.length;
  }
}
