/** What this copy of troupe is made of: said in the handshake of drivers and managers. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Build } from '../machines/policies/handshake/port.ts';
import { PROTOCOL } from '../machines/model/protocol-version.ts';
import { programUrl } from './programs.ts';

let made: Build | undefined;

/** Of this process. Reads files the first time. */
export function build(): Build {
  return (made ??= {
    protocol: PROTOCOL,
    version: version(),
    bundleHash: createHash('sha256')
      .update(readFileSync(fileURLToPath(programUrl('manager'))))
      .digest('hex')
      .slice(0, 16),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  });
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return text;
}
