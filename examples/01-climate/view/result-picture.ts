/** What was found, as one picture: the record, what the model leaves, the season, the decades, the block lengths. */
import { growthRate, trend, type Fit, type Series } from '../science/keeling.ts';
import type { Answer, Pilot } from '../tasks/bootstrap.ts';
import type { Decade } from '../tasks/decades.ts';
import { COLOUR, line, linear, panel, picture, surface, tag, text, type Box } from './svg.ts';

export interface Findings {
  readonly series: Series;
  readonly fit: Fit;
  readonly pilot: Pilot;
  readonly answers: readonly Answer[];
  readonly decades: readonly Decade[];
}

export const SOURCE =
  'Data: Scripps CO₂ Program, primary Mauna Loa record (C. D. Keeling et al.), scrippsco2.ucsd.edu, CC BY 4.0, as shipped by vega-datasets.';

export function resultPicture({ series, fit, pilot, answers, decades }: Findings): string {
  const chosen = answers.find(({ length }) => length === pilot.chosen)!;
  const { growth, swing } = chosen;
  const title = `CO₂ at Mauna Loa rises by ${growth.value.toFixed(1)} ppm a year, and its seasonal swing has grown by ${swing.value.toFixed(1)} ppm`;
  const subtitle = `${series.t.length} monthly means, ${month(series.t[0]!)} – ${month(series.t.at(-1)!)}. Quadratic trend and four harmonics that change linearly; circular block bootstrap, ${growth.sample.length} replicates a block length.`;
  return picture(
    1200,
    1150,
    title,
    text(60, 48, title, { 'font-size': 20, 'font-weight': 700 }),
    text(60, 74, subtitle, { 'font-size': 13, fill: COLOUR.soft }),
    record({ left: 60, top: 152, width: 1080, height: 270 }, series, fit),
    remains({ left: 60, top: 508, width: 1080, height: 120 }, fit, chosen),
    season({ left: 60, top: 734, width: 290, height: 300 }, chosen),
    growthByDecade({ left: 432, top: 734, width: 270, height: 300 }, fit, decades),
    blockLengths({ left: 800, top: 734, width: 290, height: 300 }, answers, pilot),
    text(60, 1116, SOURCE, { 'font-size': 11, fill: COLOUR.soft }),
    text(60, 1133, 'Methods: Thoning et al. 1989 (model), Künsch 1989, Politis and Romano 1992 (bootstrap), Politis and White 2004 (block length), Bühlmann 1997 (surrogates), Theil 1950, Sen 1968 (slopes).', { 'font-size': 11, fill: COLOUR.soft }),
  );
}

const YEARS = { domain: [1958, 2021], ticks: [1960, 1970, 1980, 1990, 2000, 2010, 2020] } as const;
const month = (year: number) => new Date(Date.UTC(0, Math.floor((year % 1) * 12), 1)).toLocaleString('en', { month: 'long', timeZone: 'UTC' }) + ` ${Math.floor(year)}`;

function record(box: Box, { t, ppm }: Series, { beta }: Fit): string {
  const { x, y, svg } = panel(box, { title: 'The record and its trend', unit: 'CO₂ in dry air, ppm', x: YEARS, y: { domain: [308, 420] } });
  const years = Array.from(t);
  return [
    svg,
    line(years.map((year, i) => [x(year), y(ppm[i]!)]), { stroke: COLOUR.sky, 'stroke-width': 1.2 }),
    line(years.map((year) => [x(year), y(trend(beta, year))]), { stroke: COLOUR.blue, 'stroke-width': 1.6 }),
    text(x(1975.5), y(338), 'monthly means', { 'text-anchor': 'end', fill: '#2b7fb3', 'font-weight': 600 }),
    text(x(1992), y(347), 'trend', { fill: COLOUR.blue, 'font-weight': 600 }),
    ...[0, t.length - 1].map((i) => tag('circle', { cx: x(t[i]!), cy: y(ppm[i]!), r: 3, fill: COLOUR.blue })),
    text(x(t[0]!), y(ppm[0]!) - 16, `${month(t[0]!)}: ${ppm[0]!.toFixed(0)} ppm`),
    text(x(t.at(-1)!) - 12, y(ppm.at(-1)!) + 1, `${month(t.at(-1)!)}: ${ppm.at(-1)!.toFixed(0)} ppm`, { 'text-anchor': 'end' }),
  ].join('');
}

function remains(box: Box, { t, residuals }: Fit, { trend: bands, length }: Answer): string {
  const { x, y, svg } = panel(box, { title: 'What the model leaves: one month resembles the next', unit: 'monthly mean less model, ppm', x: YEARS, y: { domain: [-2.5, 2.5], ticks: [-2, -1, 0, 1, 2], format: signed } });
  return [
    svg,
    surface(bands.map(({ at, high, value }) => [x(at), y(high - value)]), bands.map(({ at, low, value }) => [x(at), y(low - value)]), { fill: COLOUR.blue, 'fill-opacity': 0.22 }),
    line(Array.from(t, (year, i) => [x(year), y(residuals[i]!)]), { stroke: COLOUR.soft, 'stroke-width': 1 }),
    text(x(2021), y(2.5) - 12, `shaded: 95 % band of the trend, blocks of ${length} months`, { 'text-anchor': 'end', fill: COLOUR.blue }),
  ].join('');
}
/** Keeps text legible where a line passes under it. */
const HALO = { stroke: '#ffffff', 'stroke-width': 3, 'paint-order': 'stroke' } as const;
const signed = (value: number) => (value > 0 ? `+${value}` : value < 0 ? `−${-value}` : '0');

function season(box: Box, { cycle, swing }: Answer): string {
  const { x, y, svg } = panel(box, { title: 'The seasonal swing grows', unit: 'monthly departure from the trend, ppm', x: { domain: [-0.3, 11.3], ticks: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], format: (m) => 'JFMAMJJASOND'[m]! }, y: { domain: [-4.5, 4.5], ticks: [-4, -2, 0, 2, 4], format: signed } });
  const curve = (year: 1960 | 2020, colour: string) => {
    const months = cycle[year];
    const values = months.map(({ value }) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return [
      surface(months.map((m, i) => [x(i), y(m.high)]), months.map((m, i) => [x(i), y(m.low)]), { fill: colour, 'fill-opacity': 0.2 }),
      line(values.map((value, i) => [x(i), y(value)]), { stroke: colour, 'stroke-width': 2 }),
      `${year}: ${(high - low).toFixed(1)} ppm`,
    ];
  };
  const [early, late] = [curve(1960, COLOUR.orange), curve(2020, COLOUR.blue)];
  return [
    svg, ...early.slice(0, 2), ...late.slice(0, 2),
    text(x(5.6), y(3.6), late[2]!, { fill: COLOUR.blue, 'font-weight': 600 }),
    text(x(0), y(-2.2), early[2]!, { fill: '#9a6b00', 'font-weight': 600 }),
    text(x(0), y(-3.6), `+${swing.value.toFixed(1)} ppm (${swing.low.toFixed(1)} to ${swing.high.toFixed(1)})`, { fill: COLOUR.ink }),
  ].join('');
}

function growthByDecade(box: Box, { beta }: Fit, decades: readonly Decade[]): string {
  const { x, y, svg } = panel(box, { title: 'Faster, decade by decade', unit: 'growth of CO₂, ppm a year (Theil–Sen, 95 %)', x: { domain: [1958, 2022], ticks: [1960, 1980, 2000, 2020] }, y: { domain: [0.5, 2.7], ticks: [0.5, 1, 1.5, 2, 2.5], format: (v) => v.toFixed(1) } });
  return [
    svg,
    line([1960, 2020].map((year) => [x(year), y(growthRate(beta, year))]), { stroke: COLOUR.blue, 'stroke-dasharray': '5 4' }),
    text(x(2003), y(1.78), 'slope of the trend', { fill: COLOUR.blue }),
    ...decades.flatMap(({ from, slope, low, high }) => [
      tag('rect', { x: x(from + 0.7), y: y(high), width: x(8.6) - x(0), height: y(low) - y(high), fill: COLOUR.green, 'fill-opacity': 0.25, rx: 2 }),
      line([[x(from + 0.7), y(slope)], [x(from + 9.3), y(slope)]], { stroke: COLOUR.green, 'stroke-width': 2.5 }),
      text(x(from + 5), y(high) - 6, slope.toFixed(2), { 'text-anchor': 'middle', fill: '#00694d', ...HALO }),
    ]),
  ].join('');
}

/** The bootstrap distribution of the growth for each block length, its interval, and how far to trust that. */
function blockLengths({ left, top, width, height }: Box, answers: readonly Answer[], { chosen }: Pilot): string {
  const ends = answers.flatMap(({ growth: { value, reach, standardError } }) => [value - reach * standardError, value + reach * standardError]);
  const domain = [Math.floor(Math.min(...ends) * 20) / 20, Math.ceil(Math.max(...ends) * 20) / 20] as const;
  const { x, y, svg } = panel({ left, top, width, height }, { title: 'Short blocks are too sure', unit: 'growth at the end of the record, ppm a year', x: { domain, format: (v) => v.toFixed(2) }, y: { domain: [answers.length, 0], ticks: [] } });
  const rows = answers.map(({ length, growth: { value, low, high, sample, coverage, reach, standardError } }, i) => {
    const base = y(i + 0.8);
    const isChosen = length === chosen;
    const weight = isChosen ? 700 : 400;
    const grid = Array.from({ length: 121 }, (_, k) => domain[0] + (k / 120) * (domain[1] - domain[0]));
    const density = grid.map((at) => sample.reduce((sum, draw) => sum + Math.exp(-0.5 * ((draw - at) / (0.25 * standardError)) ** 2), 0));
    const tall = linear([0, Math.max(...density)], [base, base - 0.66 * (height / answers.length)]);
    const calibrated = [value - reach * standardError, value + reach * standardError].map(x);
    return [
      surface(grid.map((at, k) => [x(at), tall(density[k]!)]), [[x(domain[1]), base], [x(domain[0]), base]], { fill: isChosen ? COLOUR.blue : COLOUR.sky, 'fill-opacity': isChosen ? 0.55 : 0.35 }),
      line([[calibrated[0]!, base], [calibrated[1]!, base]], { stroke: COLOUR.ink, 'stroke-width': 1 }),
      ...calibrated.map((end) => line([[end, base - 4], [end, base + 4]], { stroke: COLOUR.ink, 'stroke-width': 1 })),
      line([[x(low), base], [x(high), base]], { stroke: isChosen ? COLOUR.blue : COLOUR.sky, 'stroke-width': 5 }),
      text(left - 10, base + 4, `${length}`, { 'text-anchor': 'end', 'font-weight': weight }),
      text(left + width + 44, base + 4, `${Math.round(100 * coverage)} %`, { 'text-anchor': 'end', 'font-weight': weight }),
    ].join('');
  });
  return [
    svg,
    ...['thick: 95 % of the bootstrap; thin: widened until it holds', 'the truth of 95 % of the surrogate records; bold: the', 'length that the residuals ask for (Politis and White)'].map((words, i) => text(left, top + height + 38 + 14 * i, words, { 'font-size': 11, fill: COLOUR.soft })),
    text(left - 10, top + 6, 'months', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(left + width + 44, top - 6, 'holds the', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(left + width + 44, top + 8, 'truth', { 'text-anchor': 'end', fill: COLOUR.soft }),
    ...rows,
  ].join('');
}
