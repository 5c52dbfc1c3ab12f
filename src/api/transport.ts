/** `troupe/transport`: what values cross to workers as, and how a class of one's own crosses. */
export { cbor } from '../transport/serializers/cbor.ts';
export type { CborOptions } from '../transport/serializers/cbor.ts';
export { registerError } from '../transport/serializers/errors.ts';
export { UnserializableError } from '../transport/serializers/port.ts';
export type { Serializer, ValueExtension } from '../transport/serializers/port.ts';
