/**
 * `troupe/transport`: how drivers and managers are connected, what values cross to workers as, and how a class of one's
 * own crosses.
 */
export { candidateAddresses } from '../transport/addresses.ts';
export type { CandidateOptions } from '../transport/addresses.ts';
export type { PlaintextOptions } from '../transport/admission.ts';
export { memory } from '../transport/memory.ts';
export type { MemoryOptions, MemoryTransport } from '../transport/memory.ts';
export type { Fault, MemoryFrame, MemoryLink, Schedule } from '../transport/memory-link.ts';
export { defaultLimits, LinkError } from '../transport/port.ts';
export type { Certificate, ConnectOptions, Limits, Link, LinkHandlers, ListenOptions, Listener, Transport } from '../transport/port.ts';
export { PROTOCOL } from '../transport/protocol.ts';
export type { Message, MessageOf } from '../transport/protocol.ts';
export { makeCertificate } from '../transport/tls.ts';
export { websocket } from '../transport/websocket.ts';
export type { WebsocketOptions } from '../transport/websocket.ts';

export { cbor } from '../transport/serializers/cbor.ts';
export type { CborOptions } from '../transport/serializers/cbor.ts';
export { registerError } from '../transport/serializers/errors.ts';
export { UnserializableError } from '../transport/serializers/port.ts';
export type { Serializer, ValueExtension } from '../transport/serializers/port.ts';
