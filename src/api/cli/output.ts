/** How commands speak: results on stdout, everything else on stderr; a reader that has had enough ends them quietly. */

export const print = (text: string): void => void process.stdout.write(text);

/** A line about what is going on; on stderr, so that results stay clean. */
export const report = (line: string): void => void process.stderr.write(`troupe: ${line}\n`);

/** `troupe … | head` closes stdout early: that is no error. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

/** Rows as text, each column as wide as its widest cell; the columns named in `right` are aligned to the right. */
export function aligned(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}
