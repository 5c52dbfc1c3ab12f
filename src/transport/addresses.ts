/**
 * Addresses: `host:port` as text, IPv6 in brackets; and those at which managers on other nodes may find this host. Which
 * of them they reach nobody knows before they try.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { hostname as ownName, networkInterfaces } from 'node:os';

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `undefined` for what is no address. */
export function parseAddress(text: string): Address | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]?#]+)):(\d{1,5})$/i.exec(text);
  const host = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3]);
  if (host === '' || port < 1 || port > 65_535 || (found?.[1] !== undefined && !isIPv6(host))) return undefined;
  return { host, port };
}

/** Reached from this machine only: 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** Options of {@link candidateAddresses}. */
export interface CandidateOptions {
  /** @defaultValue those of this machine */
  readonly interfaces?: ReturnType<typeof networkInterfaces>;
  /** @defaultValue that of this machine */
  readonly hostname?: string;
  /** Tried first, in this order: addresses, or names of interfaces such as `ib0`. @defaultValue none */
  readonly preferred?: readonly string[];
}

/**
 * Hosts to try, without a port, the likeliest first: preferred ones, then IPv4 before IPv6 in the order of the
 * interfaces, then the name of this host. Neither loopback nor link-local addresses: elsewhere, they mean another host.
 */
export function candidateAddresses(options: CandidateOptions = {}): readonly string[] {
  const { interfaces = networkInterfaces(), hostname = ownName(), preferred = [] } = options;
  const own = Object.entries(interfaces).flatMap(([name, entries = []]) =>
    entries.filter(({ internal, address }) => !internal && !isLinkLocal(address)).map(({ address }) => ({ name, address })),
  );
  const first = preferred.flatMap((wanted) =>
    wanted in interfaces ? own.filter(({ name }) => name === wanted).map(({ address }) => address) : [wanted],
  );
  const addresses = own.map(({ address }) => address);
  const hosts = [...first, ...addresses.filter(isIPv4), ...addresses.filter((address) => !isIPv4(address)), hostname];
  return [...new Set(hosts.filter((host) => host !== '').map((host) => (isIPv6(host) ? `[${host}]` : host)))];
}

/** RFC 3927 and RFC 4291: 169.254.0.0/16 and fe80::/10. */
function isLinkLocal(address: string): boolean {
  return /^169\.254\.|^fe[89ab][0-9a-f]:/i.test(address);
}
