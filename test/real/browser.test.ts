/**
 * What people see, in a real browser: every SVG picture of the demo and of the pages renders, asks nobody for
 * anything, keeps its text inside its box and its labels apart. Screenshots go to out/screenshots/.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { picturesSince, root } from './support/repository.ts';
import { must } from './support/shell.ts';

const screenshots = join(root, 'out/screenshots');
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const started = Date.now();
await must(root, 'npm', ['run', 'demo']);
const made = picturesSince(root, started - 1000);
const drawn = picturesSince(join(root, 'docs'), 0).map((path) => join('docs', path));
const pictures = [...new Set([...made, ...drawn])].filter((path) => !path.startsWith('out/screenshots/'));

/** One piece of text as it is drawn, in CSS pixels from the picture's corner. */
interface Label {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly isTilted: boolean;
}

interface Drawing {
  readonly kind: string;
  readonly parseError: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly shapes: number;
  readonly labels: readonly Label[];
}

let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  rmSync(screenshots, { recursive: true, force: true });
  mkdirSync(screenshots, { recursive: true });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
  page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
  page.on('console', (message) => complaints.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => complaints.push(`request: ${request.url()}`));
});
afterAll(async () => {
  await browser.close();
});

/** Runs in the browser. */
const look = `(() => {
  const svg = document.documentElement;
  const box = svg.getBoundingClientRect();
  const labels = [...svg.querySelectorAll('text')].filter((each) => each.textContent.trim() !== '').map((each) => {
    const { left, top, right, bottom } = each.getBoundingClientRect();
    const { b, c } = each.getScreenCTM();
    return { text: each.textContent.trim(), left: left - box.left, top: top - box.top, right: right - box.left, bottom: bottom - box.top, isTilted: Math.abs(b) + Math.abs(c) > 1e-6 };
  });
  const error = document.querySelector('parsererror');
  return { kind: svg.nodeName, parseError: error === null ? undefined : error.textContent, width: box.width, height: box.height, shapes: svg.querySelectorAll('path, rect, circle, line, polygon, polyline').length, labels };
})()`;

const overlap = (a: Label, b: Label): number => {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const smaller = Math.min((a.right - a.left) * (a.bottom - a.top), (b.right - b.left) * (b.bottom - b.top));
  return width <= 0 || height <= 0 ? 0 : (width * height) / smaller;
};

it('has pictures to look at', () => {
  expect(made.length).toBeGreaterThanOrEqual(2);
});

describe.each(pictures)('%s', (picture) => {
  let drawing: Drawing;
  let said: readonly string[];

  beforeAll(async () => {
    complaints.length = 0;
    const url = pathToFileURL(join(root, picture)).href;
    await page.goto(url);
    drawing = await page.evaluate<Drawing>(look);
    said = complaints.filter((line) => line !== `request: ${url}`);
    if (drawing.width > 0)
      await page.screenshot({
        path: join(screenshots, `${picture.replaceAll('/', '-')}.png`),
        clip: { x: 0, y: 0, width: Math.min(1600, drawing.width), height: Math.min(1200, drawing.height) },
      });
  });

  it('renders', () => {
    expect(drawing.kind).toBe('svg');
    expect(drawing.parseError).toBeUndefined();
    expect(drawing.shapes).toBeGreaterThan(1);
    expect(drawing.width).toBeGreaterThan(100);
    expect(drawing.height).toBeGreaterThan(50);
  });

  it('says nothing to the console and asks no other host', () => {
    expect(said).toEqual([]);
    const text = readFileSync(join(root, picture), 'utf8').replaceAll(/xmlns(:\w+)?="[^"]*"/g, '');
    expect(text).not.toMatch(/(href|src)\s*=\s*"(https?:)?\/\//);
  });

  it('keeps its text inside its box', () => {
    const slack = 0.5;
    const outside = drawing.labels.filter(
      ({ left, top, right, bottom }) => left < -slack || top < -slack || right > drawing.width + slack || bottom > drawing.height + slack,
    );
    expect(outside).toEqual([]);
  });

  it('keeps its labels apart', () => {
    const level = drawing.labels.filter(({ isTilted }) => !isTilted);
    const covering = level.flatMap((a, index) =>
      level
        .slice(index + 1)
        .filter((b) => a.text !== b.text && overlap(a, b) > 0.2)
        .map((b) => `${a.text} / ${b.text}`),
    );
    expect(covering).toEqual([]);
  });
});
