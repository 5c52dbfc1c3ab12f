/** `troupe/providers`: how blocks are got, and what a provider of one's own is made of. */
export { local } from '../providers/local.ts';
export type { LocalOptions } from '../providers/local.ts';
export type { TimerSource } from '../providers/waits.ts';
export { providerFrom } from '../providers/provider-from.ts';
export type { ProviderContext, ProviderDescription, ProviderFunctions, ProviderParts } from '../providers/provider-from.ts';
export { SubmitRefusedError } from '../machines/model/errors.ts';
export type {
  JobEnd,
  JobSpec,
  JobStatus,
  OpenProvider,
  Provider,
  ProviderFact,
  ProviderHost,
  ProviderRequest,
  ProviderTraits,
} from '../providers/port.ts';
