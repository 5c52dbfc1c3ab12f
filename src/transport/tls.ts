/**
 * The certificate of a run: self-signed, made when a driver listens where others can reach it, and pinned by its
 * fingerprint. Nobody is to trust the name in it, so it is as small as X.509 allows (RFC 5280): written here in DER and
 * signed by Node, which can read certificates and cannot make them.
 */
import { Buffer } from 'node:buffer';
import { generateKeyPair, randomBytes, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import type { Certificate } from './port.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** EC P-256, `CN=troupe`, valid for a year from yesterday on: clocks of other nodes may be slow. */
export async function makeCertificate({ nowMs = Date.now() }: { readonly nowMs?: number } = {}): Promise<Certificate> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2));
  const name = sequence(der(0x31, sequence(oid(2, 5, 4, 3), utf8('troupe'))));
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.of(2))), // version 3
    integer(serial()),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - dayMs), time(nowMs + 365 * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const cert = new X509Certificate(sequence(toBeSigned, ecdsaWithSha256, bitString(signature)));
  return {
    cert: cert.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: cert.fingerprint256,
  };
}

/** Positive, in 16 bytes without a leading zero. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

// DER (X.690): a tag, a length, contents.
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
const integer = (bytes: Uint8Array): Buffer => der(0x02, bytes);
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const bitString = (bytes: Uint8Array): Buffer => der(0x03, Buffer.of(0), bytes);

function oid(first: number, second: number, ...rest: readonly number[]): Buffer {
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte; all but the last have the eighth set. */
function base128(value: number): readonly number[] {
  return value < 0x80 ? [value] : [...base128(value >> 7).map((byte) => byte | 0x80), value & 0x7f];
}

/** UTCTime: two digits of the year, which has to be before 2050. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return atMs < Date.UTC(2050, 0) ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}
