/** What was found, as one picture: the record, what the model leaves, the season, the decades, the block lengths. */
import { trend, type Fit, type Series } from '../science/keeling.ts';
import type { Answer } from '../tasks/bootstrap.ts';
import type { Findings } from '../tasks/findings.ts';
import { blockLengths, growthByDecade, season } from './result-panels.ts';
import { COLOUR, line, panel, picture, ribbon, signed, tag, text, type Box } from './svg.ts';

export const SOURCE =
  'Data: Scripps CO₂ Program, primary Mauna Loa record (C. D. Keeling et al.), scrippsco2.ucsd.edu, CC BY 4.0, as shipped by vega-datasets.';

export function resultPicture({ series, fit, pilot, answers, chosen, decades }: Findings): string {
  const { growth, swing } = chosen;
  const title = `CO₂ at Mauna Loa rises by ${growth.value.toFixed(1)} ppm a year, and its seasonal swing has grown by ${swing.value.toFixed(1)} ppm`;
  const subtitle = `${series.t.length} monthly means, ${month(series.t[0]!)} – ${month(series.t.at(-1)!)}. Quadratic trend and four harmonics that change linearly; circular block bootstrap, ${growth.sample.length} replicates a block length.`;
  return picture(
    1200,
    1160,
    title,
    text(60, 48, title, { 'font-size': 20, 'font-weight': 700 }),
    text(60, 74, subtitle, { 'font-size': 13, fill: COLOUR.soft }),
    record({ left: 60, top: 152, width: 1080, height: 270 }, series, fit),
    remains({ left: 60, top: 508, width: 1080, height: 120 }, fit, chosen),
    season({ left: 60, top: 734, width: 290, height: 300 }, chosen),
    growthByDecade({ left: 432, top: 734, width: 270, height: 300 }, fit, decades),
    blockLengths({ left: 800, top: 734, width: 290, height: 300 }, answers, pilot),
    text(60, 1126, SOURCE, { 'font-size': 11, fill: COLOUR.soft }),
    text(
      60,
      1143,
      'Methods: Thoning et al. 1989 (model), Künsch 1989, Politis and Romano 1992 (bootstrap), Politis and White 2004 (block length), Bühlmann 1997 (surrogates), Theil 1950, Sen 1968 (slopes).',
      { 'font-size': 11, fill: COLOUR.soft },
    ),
  );
}

const YEARS = { domain: [1958, 2021], ticks: [1960, 1970, 1980, 1990, 2000, 2010, 2020] } as const;
const month = (year: number) =>
  new Date(Date.UTC(0, Math.floor((year % 1) * 12), 1)).toLocaleString('en', { month: 'long', timeZone: 'UTC' }) + ` ${Math.floor(year)}`;

function record(box: Box, { t, ppm }: Series, { beta }: Fit): string {
  const { x, y, svg } = panel(box, { title: 'The record and its trend', unit: 'CO₂ in dry air, ppm', x: YEARS, y: { domain: [308, 420] } });
  const months = Array.from(t, (year, i) => [x(year), y(ppm[i]!)] as const);
  const curve = Array.from(t, (year) => [x(year), y(trend(beta, year))] as const);
  return [
    svg,
    line(months, { stroke: COLOUR.sky, 'stroke-width': 1.2 }),
    line(curve, { stroke: COLOUR.blue, 'stroke-width': 1.6 }),
    text(x(1975.5), y(338), 'monthly means', { 'text-anchor': 'end', fill: '#2b7fb3', 'font-weight': 600 }),
    text(x(1992), y(347), 'trend', { fill: COLOUR.blue, 'font-weight': 600 }),
    ...[0, t.length - 1].map((i) => tag('circle', { cx: x(t[i]!), cy: y(ppm[i]!), r: 3, fill: COLOUR.blue })),
    text(x(t[0]!), y(ppm[0]!) - 22, `${month(t[0]!)}: ${ppm[0]!.toFixed(0)} ppm`),
    text(x(t.at(-1)!) - 12, y(ppm.at(-1)!) + 1, `${month(t.at(-1)!)}: ${ppm.at(-1)!.toFixed(0)} ppm`, { 'text-anchor': 'end' }),
  ].join('');
}

function remains(box: Box, { t, residuals }: Fit, { trend: bands, length }: Answer): string {
  const frame = panel(box, {
    title: 'What the model leaves: one month resembles the next',
    unit: 'monthly mean less model, ppm',
    x: YEARS,
    y: { domain: [-2.5, 2.5], ticks: [-2, -1, 0, 1, 2], format: signed },
  });
  const { x, y } = frame;
  const departures = bands.map(({ at, value, low, high }) => ({ at, low: low - value, high: high - value }));
  const months = Array.from(t, (year, i) => [x(year), y(residuals[i]!)] as const);
  return [
    frame.svg,
    ribbon(departures, frame, COLOUR.blue),
    line(months, { stroke: COLOUR.soft, 'stroke-width': 1 }),
    text(x(2021), y(2.5) - 12, `shaded: 95 % band of the trend, blocks of ${length} months`, { 'text-anchor': 'end', fill: COLOUR.blue }),
  ].join('');
}
