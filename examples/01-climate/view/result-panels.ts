/** Three panels of the result: the seasonal cycle, the growth by decade, and what the length of the blocks does. */
import { growthRate, type Fit } from '../science/keeling.ts';
import type { Answer, Pilot } from '../tasks/bootstrap.ts';
import type { Decade } from '../tasks/decades.ts';
import { COLOUR, line, linear, panel, ribbon, rule, signed, surface, tag, text, type Box } from './svg.ts';

/** Keeps text legible where a line passes under it. */
const HALO = { stroke: '#ffffff', 'stroke-width': 3, 'paint-order': 'stroke' } as const;

export function season(box: Box, { cycle, swing }: Answer): string {
  const frame = panel(box, {
    title: 'The seasonal swing grows',
    unit: 'monthly departure from the trend, ppm',
    x: { domain: [-0.3, 11.3], ticks: cycle[1960].map(({ at }) => at), format: (month) => 'JFMAMJJASOND'[month]! },
    y: { domain: [-4.5, 4.5], ticks: [-4, -2, 0, 2, 4], format: signed },
  });
  const { x, y } = frame;
  const curve = (year: 1960 | 2020, stroke: string) =>
    ribbon(cycle[year], frame, stroke) +
    line(
      cycle[year].map(({ at, value }) => [x(at), y(value)]),
      { stroke, 'stroke-width': 2 },
    );
  const label = (year: 1960 | 2020) => {
    const values = cycle[year].map(({ value }) => value);
    return `${year}: ${(Math.max(...values) - Math.min(...values)).toFixed(1)} ppm`;
  };
  return [
    frame.svg,
    curve(1960, COLOUR.orange),
    curve(2020, COLOUR.blue),
    text(x(5.6), y(3.6), label(2020), { fill: COLOUR.blue, 'font-weight': 600 }),
    text(x(0), y(-2.2), label(1960), { fill: '#9a6b00', 'font-weight': 600 }),
    text(x(0), y(-3.6), `+${swing.value.toFixed(1)} ppm (95 %: ${swing.low.toFixed(1)} to ${swing.high.toFixed(1)})`),
  ].join('');
}

export function growthByDecade(box: Box, { beta }: Fit, decades: readonly Decade[]): string {
  const { x, y, svg } = panel(box, {
    title: 'Faster, decade by decade',
    unit: 'growth of CO₂, ppm a year (Theil–Sen, 95 %)',
    x: { domain: [1958, 2022], ticks: [1960, 1980, 2000, 2020] },
    y: { domain: [0.5, 2.7], ticks: [0.5, 1, 1.5, 2, 2.5], format: (v) => v.toFixed(1) },
  });
  return [
    svg,
    line(
      [1960, 2020].map((year) => [x(year), y(growthRate(beta, year))]),
      { stroke: COLOUR.blue, 'stroke-dasharray': '5 4' },
    ),
    text(x(2000), y(1.66), 'slope of the trend', { fill: COLOUR.blue }),
    ...decades.flatMap(({ from, slope, low, high }) => [
      tag('rect', {
        x: x(from + 0.7),
        y: y(high),
        width: x(8.6) - x(0),
        height: y(low) - y(high),
        fill: COLOUR.green,
        'fill-opacity': 0.25,
        rx: 2,
      }),
      rule(x(from + 0.7), y(slope), x(from + 9.3), y(slope), { stroke: COLOUR.green, 'stroke-width': 2.5 }),
      text(x(from + 5), y(high) - 6, slope.toFixed(2), { 'text-anchor': 'middle', fill: '#00694d', ...HALO }),
    ]),
  ].join('');
}

/** The bootstrap distribution of the growth for each block length, its interval, and how far to trust that. */
export function blockLengths({ left, top, width, height }: Box, answers: readonly Answer[], { chosen }: Pilot): string {
  const ends = answers.flatMap(({ growth: { calibrated } }) => [calibrated.low, calibrated.high]);
  const domain = [Math.floor(Math.min(...ends) * 20) / 20, Math.ceil(Math.max(...ends) * 20) / 20] as const;
  const { x, y, svg } = panel(
    { left, top, width, height },
    {
      title: 'Short blocks are too sure',
      unit: 'growth at the end of the record, ppm a year',
      x: { domain, format: (v) => v.toFixed(2) },
      y: { domain: [answers.length, 0], ticks: [] },
    },
  );
  const rows = answers.map(({ length, growth: { low, high, sample, coverage, calibrated, standardError } }, i) => {
    const base = y(i + 0.8);
    const isChosen = length === chosen;
    const weight = isChosen ? 700 : 400;
    const grid = Array.from({ length: 121 }, (_, k) => domain[0] + (k / 120) * (domain[1] - domain[0]));
    const density = grid.map((at) => sample.reduce((sum, draw) => sum + Math.exp(-0.5 * ((draw - at) / (0.25 * standardError)) ** 2), 0));
    const tall = linear([0, Math.max(...density)], [base, base - 0.66 * (height / answers.length)]);
    const wide = [x(calibrated.low), x(calibrated.high)] as const;
    return [
      surface(
        grid.map((at, k) => [x(at), tall(density[k]!)]),
        [
          [x(domain[1]), base],
          [x(domain[0]), base],
        ],
        { fill: isChosen ? COLOUR.blue : COLOUR.sky, 'fill-opacity': isChosen ? 0.55 : 0.35 },
      ),
      rule(wide[0], base, wide[1], base, { stroke: COLOUR.ink }),
      ...wide.map((end) => rule(end, base - 4, end, base + 4, { stroke: COLOUR.ink })),
      rule(x(low), base, x(high), base, { stroke: isChosen ? COLOUR.blue : COLOUR.sky, 'stroke-width': 5 }),
      text(left - 10, base + 4, `${length}`, { 'text-anchor': 'end', 'font-weight': weight }),
      text(left + width + 44, base + 4, `${Math.round(100 * coverage)} %`, { 'text-anchor': 'end', 'font-weight': weight }),
    ].join('');
  });
  return [
    svg,
    ...[
      'thick: 95 % of the bootstrap; thin: widened until it holds',
      'the truth of 95 % of the surrogate records; bold: the',
      'length that the residuals ask for (Politis and White)',
    ].map((words, i) => text(left, top + height + 38 + 14 * i, words, { 'font-size': 11, fill: COLOUR.soft })),
    text(left - 10, top + 6, 'months', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(left + width + 44, top - 6, 'holds the', { 'text-anchor': 'end', fill: COLOUR.soft }),
    text(left + width + 44, top + 8, 'truth', { 'text-anchor': 'end', fill: COLOUR.soft }),
    ...rows,
  ].join('');
}
