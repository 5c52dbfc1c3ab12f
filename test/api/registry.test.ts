import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import * as policies from '../../src/api/policies.ts';
import { createRegistry, plugin, registry } from '../../src/api/registry.ts';
import { ConfigError } from '../../src/machines/model/errors.ts';
import { local } from '../../src/providers/local.ts';
import { wrapped } from '../../src/launchers/wrapped.ts';
import { fakeProvider } from '../support/fake-provider.ts';

function thrown(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the registry that comes with troupe', () => {
  it('builds plugins of data, those in their options first', () => {
    const executor = registry.build('executor', {
      type: 'blocks',
      label: 'here',
      provider: { type: 'local', termGraceMs: 100 },
      launcher: { type: 'singleNode', failOnAny: true },
      transforms: [{ type: 'environment', variables: { A: '1' } }],
      block: { max: 2 },
      policies: { scaling: { type: 'simple', maxIdleMs: 1000 }, blockErrors: { type: 'windowed', last: 3 } },
    });
    expect(executor).toMatchObject({ kind: 'blocks', label: 'here', open: expect.any(Function) });
    expect(registry.build('executor', { type: 'threads', workers: 1 }).kind).toBe('threads');
    expect(registry.build('transform', { type: 'prepend', words: ['nice'] })(['x'], { nodes: 1, ranksPerNode: 1, workDir: '/' })).toEqual([
      'nice',
      'x',
    ]);
  });

  it('builds again what a provider or a launcher says of itself', () => {
    for (const provider of [local(), local({ env: { A: '1' }, termGraceMs: 5 })]) {
      const again = registry.build('provider', { ...provider.options, type: provider.kind });
      expect({ ...again, open: 0, render: 0 }).toEqual({ ...provider, open: 0, render: 0 });
    }
    const launcher = wrapped({ prepend: ['srun'], everyRank: true });
    const { kind, options } = registry.build('launcher', { ...launcher.options, type: launcher.kind });
    expect([kind, options]).toEqual([launcher.kind, launcher.options]);
  });

  it('has every policy that can be written as data', () => {
    const unwritable = ['retry cost'];
    const all = Object.entries(policies).flatMap(([kind, factories]) => Object.keys(factories).map((name) => `${kind} ${name}`));
    const known = Object.keys(policies).flatMap((kind) => registry.names(kind).map((name) => `${kind} ${name}`));
    expect(all.filter((each) => !unwritable.includes(each)).toSorted()).toEqual(known.toSorted());
    const required: Record<string, object> = { byFailureKind: { policies: {} }, labels: { table: {} }, substitute: { value: 0 } };
    for (const [kind, name] of known.map((each) => each.split(' ') as [string, string]))
      expect(registry.build(kind, { type: name, ...required[name] })).toMatchObject({ kind, decide: expect.any(Function) });
  });

  it('builds policies of policies', () => {
    const policy = registry.build('retry', {
      type: 'byFailureKind',
      policies: { oom: { type: 'fixed', retries: 2 } },
      otherwise: { type: 'exponential', retries: 1 },
    });
    expect(policy).toMatchObject({ kind: 'retry', retries: 2 });
  });

  it('is not for changing', () => {
    expect(thrown(() => registry.register('provider', 'mine', () => 1, z.strictObject({}))).message).toContain('createRegistry()');
    expect(() => Object.assign(registry, { build: 1 })).toThrow(TypeError);
    expect(registry.names('provider')).toEqual(['local']);
  });
});

describe('what is wrong with data', () => {
  it.each([
    ['provider', 7, 'type', /^a provider is written as \{ type: 'local', …options \}$/],
    ['provider', {}, 'type', /^a provider is written as/],
    ['provider', [{ type: 'local' }], 'type', /^a provider is written as/],
    ['provider', { type: 'slrum' }, 'type', /there is no provider 'slrum'; there are local$/],
    ['provider', { type: '__proto__' }, 'type', /there is no provider/],
    ['toString', { type: 'x' }, 'type', /there is no kind of plugin 'toString'; there are .*executor/],
    ['provider', { type: 'local', termGraceMs: -1 }, 'termGraceMs', /^provider local: termGraceMs must be 0 or more \(it is -1\)$/],
    ['provider', { type: 'local', grace: 1 }, 'grace', /^provider local: grace is not an option$/],
    ['executor', { type: 'blocks', provider: 'local' }, 'provider', /^provider: a provider is written as/],
    [
      'executor',
      { type: 'blocks', provider: { type: 'slrum' } },
      'provider.type',
      /^provider\.type: there is no provider 'slrum'; there are local$/,
    ],
    ['executor', { type: 'blocks', provider: { type: 'local', env: { A: 1 } } }, 'provider.env.A', /^provider: provider local: env\.A /],
    ['executor', { type: 'blocks', transforms: [{ type: 'prepend' }] }, 'transforms.0.words', /^transforms\.0: transform prepend: words /],
    [
      'executor',
      { type: 'blocks', policies: { scaling: { type: 'autoScale', idleMs: -5 } } },
      /^policies\.scaling\..*idleMs/,
      /^policies\.scaling: .*idleMs is -5/,
    ],
    [
      'retry',
      { type: 'byFailureKind', policies: { oom: { type: 'cost' } } },
      'policies.oom.type',
      /^policies\.oom\.type: there is no retry 'cost'; there are/,
    ],
  ])('in %s %j is said with its path', (kind, data, field, message) => {
    const error = thrown(() => registry.build(kind, data));
    expect(error.message).toMatch(message);
    expect(error.field).toMatch(field);
  });

  it('does not overflow for what is nested without end', () => {
    const endless: Record<string, unknown> = { type: 'labels', table: {} };
    endless['otherwise'] = endless;
    expect(thrown(() => registry.build('routing', endless)).message).toContain('nested too deeply');
  });
});

describe('a registry of one’s own', () => {
  const options = z.strictObject({
    url: z.string(),
    retry: plugin('retry').optional(),
    spare: z.record(z.string(), z.array(plugin('provider'))).optional(),
  });
  const mine = (given: object): object => ({ kind: 'mine', given });

  it('takes plugins of any kind, whose options may be plugins anywhere', () => {
    const own = createRegistry();
    own.register('provider', 'mine', mine, options);
    own.register(
      'viewer',
      'text',
      () => 'a text',
      () => z.strictObject({}),
    );
    expect(own.build('viewer', { type: 'text' })).toBe('a text');
    expect(
      own.build('provider', {
        type: 'mine',
        url: 'u',
        retry: { type: 'fixed' },
        spare: { a: [{ type: 'local' }, { type: 'mine', url: 'v' }] },
      }),
    ).toMatchObject({
      given: { url: 'u', retry: { kind: 'retry' }, spare: { a: [{ kind: 'local' }, { kind: 'mine', given: { url: 'v' } }] } },
    });
    expect(own.kinds()).toContain('viewer');
    expect(registry.kinds()).not.toContain('viewer');
  });

  it('lets objects stand where data would', () => {
    class Ours {
      open(): void {}
    }
    const [provider, ours] = [fakeProvider(), new Ours()];
    const own = createRegistry();
    own.register('provider', 'mine', mine, options);
    expect(own.build('provider', { type: 'mine', url: 'u', spare: { a: [provider, ours] } })).toMatchObject({
      given: { spare: { a: [provider, ours] } },
    });
  });

  it('checks options before the factory sees them', () => {
    const own = createRegistry({ builtIns: false });
    let calls = 0;
    own.register('provider', 'mine', () => calls++, options);
    expect(thrown(() => own.build('provider', { type: 'mine', url: 7 }))).toMatchObject({ field: 'url', value: 7 });
    expect(calls).toBe(0);
    expect(own.kinds()).toEqual(['provider']);
  });

  it('has each name once', () => {
    const own = createRegistry();
    expect(thrown(() => own.register('provider', 'local', mine, options)).message).toContain("a provider 'local' already");
  });

  it('builds only what is allowed, at any depth, whatever is registered', () => {
    const own = createRegistry({ allow: { executor: ['blocks'], provider: ['mine'], scaling: 'all' } });
    own.register('provider', 'mine', () => local(), z.strictObject({}));
    expect(own.kinds()).toEqual(['executor', 'provider', 'scaling']);
    expect([own.names('executor'), own.names('provider'), own.names('launcher')]).toEqual([['blocks'], ['mine'], []]);
    expect(own.names('scaling')).toEqual(registry.names('scaling'));
    expect(own.build('executor', { type: 'blocks', provider: { type: 'mine' } }).kind).toBe('blocks');
    expect(thrown(() => own.build('executor', { type: 'inline' })).message).toContain("no executor 'inline'; there are blocks");
    expect(thrown(() => own.build('executor', { type: 'blocks', provider: { type: 'local' } })).field).toBe('provider.type');
    expect(thrown(() => own.build('executor', { type: 'blocks', launcher: { type: 'simple' } })).message).toContain(
      "no kind of plugin 'launcher'",
    );
    expect(() => own.schema('launcher', 'simple')).toThrow(ConfigError);
  });
});

describe('JSON Schema', () => {
  it('is of what build takes: the name, the options, and names where a plugin stands', () => {
    expect(registry.schema('provider', 'local')).toMatchObject({
      $schema: expect.any(String),
      type: 'object',
      properties: {
        type: { const: 'local' },
        env: { type: 'object', additionalProperties: { type: 'string' } },
        termGraceMs: { type: 'number', minimum: 0, description: expect.any(String) },
      },
      required: ['type'],
      additionalProperties: false,
    });
    expect(registry.schema('launcher', 'wrapped')).toMatchObject({ required: ['type', 'prepend'] });
    expect(registry.schema('executor', 'blocks')).toMatchObject({
      properties: {
        provider: { type: 'object', properties: { type: { enum: ['local'] } }, required: ['type'], 'x-plugin': 'provider' },
        policies: { properties: { scaling: { 'x-plugin': 'scaling' } } },
        transforms: { items: { 'x-plugin': 'transform' } },
      },
    });
  });

  it('can be written down for everything there is', () => {
    for (const kind of registry.kinds())
      for (const name of registry.names(kind)) {
        const schema = registry.schema(kind, name);
        expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
      }
  });
});
