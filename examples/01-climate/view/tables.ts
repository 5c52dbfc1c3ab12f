/** What was found, in words and columns. */
import type { Counts } from 'troupe';

import type { Estimate } from '../tasks/bootstrap.ts';
import type { Findings } from '../tasks/findings.ts';

export function findingsAsText({ series, pilot, answers, chosen, overconfidence, decades }: Findings): string {
  const headline = (name: string, unit: string, estimate: Estimate) => [
    name,
    estimate.value.toFixed(2),
    unit,
    range(estimate),
    range(estimate.calibrated),
  ];
  return [
    '',
    `CO₂ at Mauna Loa, ${series.t.length} months; blocks of ${pilot.chosen} months, as the residuals ask for`,
    '',
    columns([
      ['', '', '', 'bootstrap 95 %', 'calibrated 95 %'],
      headline('growth at the end of the record', 'ppm/year', chosen.growth),
      headline('seasonal swing, 2020 less 1960', 'ppm', chosen.swing),
    ]),
    '',
    `Blocks of one month, the ordinary bootstrap, give an interval for the growth ${overconfidence.toFixed(1)} times narrower than it should be.`,
    '',
    'The same with other block lengths. "Holds" counts the surrogate records whose 95 % interval held the truth;',
    'calibrated intervals are widened, or narrowed, until it is 95 %.',
    '',
    columns([
      ['block', 'growth, ppm/year', 'holds', 'calibrated', 'swing, ppm', 'holds', 'calibrated'],
      ...answers.map(({ length, growth, swing }) => [
        `${length === pilot.chosen ? '→ ' : ''}${length}`,
        ...[growth, swing].flatMap((estimate) => [range(estimate), percent(estimate.coverage), range(estimate.calibrated)]),
      ]),
    ]),
    '',
    'Growth by decade (Theil–Sen slope, block bootstrap)',
    '',
    columns([
      ['decade', 'months', 'ppm/year', '95 %'],
      ...decades.map((decade) => [`${decade.from}s`, String(decade.months), decade.slope.toFixed(2), range(decade)]),
    ]),
    '',
  ].join('\n');
}

export function countsAsText(counts: Counts): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

const range = ({ low, high }: { readonly low: number; readonly high: number }) => `${low.toFixed(2)} … ${high.toFixed(2)}`;
const percent = (share: number) => `${Math.round(100 * share)} %`;

/** Aligned to the right, but for the first column of words. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumber =
    rows
      .at(-1)![0]!
      .trim()
      .match(/^→?\s*\d/) !== null;
  return rows
    .map((row) => `  ${row.map((cell, i) => (i === 0 && !isNumber ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   ')}`)
    .join('\n');
}
