/** The little SVG that the pictures need: elements, text, scales, lines, and the frame of a panel. */

/** Okabe and Ito's palette: told apart with every kind of colour vision. */
export const COLOUR = {
  blue: '#0072B2',
  sky: '#56B4E9',
  green: '#009E73',
  orange: '#E69F00',
  vermillion: '#D55E00',
  purple: '#CC79A7',
  ink: '#1f2328',
  soft: '#59636e',
  faint: '#d1d5da',
  grid: '#eceff1',
} as const;

type Attributes = Readonly<Record<string, string | number | undefined>>;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string) => text.replace(/[&<>"]/g, (char) => escapes[char] ?? char);
/** Hundredths of a pixel are enough, and keep the file small. */
const short = (value: string | number) => (typeof value === 'number' ? String(Math.round(value * 100) / 100) : escape(value));

export function tag(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const given = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${short(value)}"`]));
  return `<${name}${given.join('')}${children.length === 0 ? '/>' : `>${children.join('')}</${name}>`}`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return tag('text', { x, y, fill: COLOUR.ink, ...attributes }, escape(content));
}

/** A whole picture. Its title is what a screen reader says, and a browser's tab shows. */
export function picture(width: number, height: number, title: string, ...children: readonly string[]): string {
  const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': font,
    'font-size': 12,
    role: 'img',
  };
  return `${tag('svg', root, tag('title', {}, escape(title)), tag('rect', { width, height, fill: '#ffffff' }), ...children)}\n`;
}

type Pair = readonly [number, number];
export type Scale = (value: number) => number;
export function linear([d0, d1]: Pair, [r0, r1]: Pair): Scale {
  return (value) => r0 + ((value - d0) / (d1 - d0)) * (r1 - r0);
}

/** About `count` round numbers within a domain. */
export function ticks([from, to]: Pair, count: number): number[] {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

export function line(points: readonly Pair[], attributes: Attributes): string {
  const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${short(x)} ${short(y)}`).join('');
  return tag('path', { d: path, fill: 'none', 'stroke-width': 1.5, 'stroke-linejoin': 'round', ...attributes });
}

/** A straight line. */
export function rule(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return tag('line', { x1, y1, x2, y2, 'stroke-width': 1, ...attributes });
}

/** The surface between two lines. */
export function surface(upper: readonly Pair[], lower: readonly Pair[], attributes: Attributes): string {
  return line([...upper, ...lower.toReversed()], { stroke: 'none', ...attributes });
}

/** A band of uncertainty along a curve. */
export function ribbon(
  points: readonly { readonly at: number; readonly low: number; readonly high: number }[],
  { x, y }: Pick<Panel, 'x' | 'y'>,
  fill: string,
): string {
  const upper = points.map(({ at, high }): Pair => [x(at), y(high)]);
  const lower = points.map(({ at, low }): Pair => [x(at), y(low)]);
  return surface(upper, lower, { fill, 'fill-opacity': 0.22 });
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}
export interface Axis {
  readonly domain: Pair;
  readonly ticks?: readonly number[];
  readonly format?: (tick: number) => string;
}
export interface Panel {
  readonly x: Scale;
  readonly y: Scale;
  readonly svg: string;
}

/** A panel's scales, title, unit and grid. The unit stands under the title, where it is read with it. */
export function panel(
  box: Box,
  { title, unit, x, y }: { readonly title: string; readonly unit: string; readonly x: Axis; readonly y: Axis },
): Panel {
  const { left, top, width, height } = box;
  const [xScale, yScale] = [linear(x.domain, [left, left + width]), linear(y.domain, [top + height, top])];
  const yTicks = y.ticks ?? ticks(y.domain, Math.round(height / 45));
  const xTicks = x.ticks ?? ticks(x.domain, Math.round(width / 80));
  const label = (axis: Axis, tick: number) => (axis.format ?? String)(Number(tick.toPrecision(12)));
  return {
    x: xScale,
    y: yScale,
    svg: [
      text(left, top - 30, title, { 'font-size': 15, 'font-weight': 600 }),
      text(left, top - 12, unit, { fill: COLOUR.soft }),
      ...yTicks.map((tick) => rule(left, yScale(tick), left + width, yScale(tick), { stroke: COLOUR.grid })),
      ...yTicks.map((tick) => text(left - 8, yScale(tick) + 4, label(y, tick), { 'text-anchor': 'end', fill: COLOUR.soft })),
      rule(left, top + height, left + width, top + height, { stroke: COLOUR.faint }),
      ...xTicks.map((tick) => text(xScale(tick), top + height + 18, label(x, tick), { 'text-anchor': 'middle', fill: COLOUR.soft })),
    ].join(''),
  };
}

/** A departure, with a proper minus. */
export const signed = (value: number) => (value > 0 ? `+${value}` : value < 0 ? `−${-value}` : '0');
