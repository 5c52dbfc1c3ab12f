import { X509Certificate, createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { makeCertificate } from '../../src/transport/tls.ts';

const day = 24 * 60 * 60 * 1000;

describe('makeCertificate', () => {
  it('makes a certificate that Node reads, signed with the key that comes with it', async () => {
    const { cert, key, fingerprint } = await makeCertificate();
    const read = new X509Certificate(cert);
    expect(read.subject).toBe('CN=troupe');
    expect(read.issuer).toBe('CN=troupe');
    expect(read.fingerprint256).toBe(fingerprint);
    expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
  });

  it.each([Date.UTC(2025, 0, 2, 3, 4, 5), Date.UTC(2049, 6, 1), Date.UTC(2051, 0, 1)])(
    'is valid from a day before %s on, for a year',
    async (nowMs) => {
      const { validFrom, validTo } = new X509Certificate((await makeCertificate({ nowMs })).cert);
      expect([Date.parse(validFrom), Date.parse(validTo)]).toEqual([nowMs - day, nowMs + 365 * day]);
    },
  );

  it('makes another one each time', async () => {
    const [one, other] = await Promise.all([makeCertificate(), makeCertificate()]);
    expect(one.fingerprint).not.toBe(other.fingerprint);
    const serials = [one, other].map(({ cert }) => new X509Certificate(cert).serialNumber);
    expect(serials[0]).not.toBe(serials[1]);
    expect(serials[0]).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});
