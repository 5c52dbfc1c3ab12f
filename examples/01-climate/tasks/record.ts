/** The record: shell tasks that fetch it, tidy it and cut it into pieces with standard tools. */
import { File, sh, shell } from 'troupe';
import type { Series } from '../science/keeling.ts';

/** awk follows the user's language otherwise, and writes decimal commas. */
const portable = { env: { LC_ALL: 'C' } };
/** A temporary failure, try again later (sysexits.h). */
const EX_TEMPFAIL = 75;

/** A slow archive. A file gets its name when it is complete; the pause stands for the tape robot. */
export const archive = shell(
  import.meta,
  'archive',
  (csv: File, gz: File) => sh`gzip -c ${csv} > ${gz}.part && sleep 0.6 && mv ${gz}.part ${gz}`,
);

/** Gets the record from the archive, or fails for the time being while it is not there. */
export const fetch = shell(
  import.meta,
  'fetch',
  (gz: File, csv: File) => sh`
    test -e ${gz} || { echo "the archive is still being written" >&2; exit ${EX_TEMPFAIL}; }
    gzip -t ${gz} && gunzip -c ${gz} > ${csv} && echo ${csv}`,
  { parse: ({ stdout }) => new File(stdout.trim()) },
);

/** `1958-03-01,315.70,314.44` → `1958.2083 315.70`, in order of time: the middle of the month and its mean. */
export const tidy = shell(
  import.meta,
  'tidy',
  (csv: File, txt: File) => sh`
    sed 1d ${csv} | sort | awk -F '[-,]' -v OFMT=%.4f '$4 > 0 { print $1 + ($2 - 0.5) / 12, $4 }' > ${txt} && echo ${txt}`,
  { ...portable, parse: ({ stdout }) => new File(stdout.trim()) },
);

/** The months from the beginning of one year to the beginning of another. */
export const months = shell(
  import.meta,
  'months',
  (txt: File, from: number, to: number) => sh`awk -v from=${from} -v to=${to} '$1 >= from && $1 < to' ${txt}`,
  {
    ...portable,
    parse({ stdout }): Series {
      const rows = stdout
        .trim()
        .split('\n')
        .map((row) => row.split(' ').map(Number));
      return { t: Float64Array.from(rows, ([t = NaN]) => t), ppm: Float64Array.from(rows, ([, ppm = NaN]) => ppm) };
    },
  },
);

/** First years of the decades of which at least half is in the record. */
export const decades = shell(import.meta, 'decades', (txt: File) => sh`cut -c 1-3 ${txt} | uniq -c | awk '$1 >= 60 { print $2 "0" }'`, {
  parse: ({ stdout }) => stdout.trim().split('\n').map(Number),
});
