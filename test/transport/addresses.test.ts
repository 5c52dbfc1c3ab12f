import type { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';

import { candidateAddresses, formatAddress, isLoopback, parseAddress } from '../../src/transport/addresses.ts';

const entry = (address: string, internal = false) => ({
  address,
  internal,
  family: address.includes(':') ? 'IPv6' : 'IPv4',
  netmask: '',
  mac: '',
  cidr: null,
  ...(address.includes(':') ? { scopeid: 0 } : {}),
});
const interfaces = {
  lo: [entry('127.0.0.1', true), entry('::1', true)],
  eth0: [entry('192.168.1.7'), entry('fd00::7'), entry('fe80::1')],
  ib0: [entry('10.1.0.7'), entry('169.254.3.4')],
  down: undefined,
} as ReturnType<typeof networkInterfaces>;

describe('candidateAddresses', () => {
  it('are those that other hosts may reach, IPv4 first, the name last', () => {
    expect(candidateAddresses({ interfaces, hostname: 'login1' })).toEqual(['192.168.1.7', '10.1.0.7', '[fd00::7]', 'login1']);
  });

  it('begin with those that are preferred: addresses, names and interfaces', () => {
    expect(candidateAddresses({ interfaces, hostname: 'login1', preferred: ['ib0', 'login1.cluster', 'fd00::7'] })).toEqual([
      '10.1.0.7',
      'login1.cluster',
      '[fd00::7]',
      '192.168.1.7',
      'login1',
    ]);
  });

  it('are of this machine when nothing is said', () => {
    expect(candidateAddresses().length).toBeGreaterThan(0);
    expect(candidateAddresses({ interfaces: {}, hostname: '' })).toEqual([]);
  });
});

describe('addresses', () => {
  it.each(['10.0.0.7:4711', 'node-17.cluster:1', '[fd00::7]:65535', '[::ffff:10.0.0.7]:80'])('%s is one', (text) => {
    const parsed = parseAddress(text);
    expect(parsed).toBeDefined();
    expect(parsed && formatAddress(parsed)).toBe(text);
  });

  it.each([
    '',
    'node',
    'node:',
    ':80',
    'node:0',
    'node:65536',
    'node:8x',
    'fd00::7:80',
    '[node]:80',
    '[fd00::7]',
    'a b:80',
    'u@node:80',
    'node/x:80',
    '[::1]:80/x',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it.each([
    ['127.0.0.1', true],
    ['127.255.0.3', true],
    ['::1', true],
    ['[::1]', true],
    ['localhost', true],
    ['LOCALHOST', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
    ['127.evil.example', false],
    ['localhost.evil.example', false],
    ['', false],
  ])('%j is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});
