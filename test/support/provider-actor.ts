/** The actor of a provider over a fake one, with what its submissions came to. */
import { providerActor, type ProviderActor, type Submitted } from '../../src/actors/blocks/provider.ts';
import type { Provider } from '../../src/providers/port.ts';
import { blockWorld, specOf, type BlockWorld } from './block-world.ts';
import { fakeProvider, type FakeProvider, type FakeProviderOptions } from './fake-provider.ts';

export interface OpenedProvider extends BlockWorld {
  readonly batch: FakeProvider;
  readonly provider: ProviderActor;
  readonly outcomes: Submitted[];
  submit(n: string): void;
  sent(type: string): readonly unknown[];
}

export function openProvider(options: FakeProviderOptions = {}, random = 1): OpenedProvider {
  const world = blockWorld();
  const batch = fakeProvider(options);
  const provider = actorOf(world, batch, random);
  const outcomes: Submitted[] = [];
  return {
    ...world,
    batch,
    provider,
    outcomes,
    submit: (n) => provider.submit(specOf(n, `job-${n}`), (outcome) => void outcomes.push(outcome)),
    sent: (type) => batch.requests.filter((request) => request.type === type),
  };
}
export const actorOf = ({ space, clock, note }: BlockWorld, plugin: Provider, random = 1): ProviderActor =>
  providerActor(plugin, { space, clock, note, random: () => random, runId: 'r', label: 'hpc', dir: '/', timeoutMs: 10_000 });
