/** What every policy does, whatever it decides: `describe('fixed', () => conformsToRetryPolicy(() => fixed(3)))`. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import type { DependencyPolicy } from '../../src/machines/policies/dependency/port.ts';
import { asker, sealed, type PolicyFault } from '../../src/machines/policies/firewall.ts';
import { dependencyKind, retryKind, routingKind } from '../../src/machines/policies/kinds.ts';
import type { PolicyKind, PolicyOf } from '../../src/machines/policies/port.ts';
import type { RetryPolicy } from '../../src/machines/policies/retry/port.ts';
import type { RoutingPolicy } from '../../src/machines/policies/routing/port.ts';
import { dependencySnapshot, retrySnapshot, routingSnapshot } from '../support/arbitraries.ts';

function conformsToPolicy<S, D>(kind: PolicyKind<S, D>, make: () => PolicyOf<string, S, D>, snapshots: fc.Arbitrary<S>): void {
  it('says what kind it is, and has a name', () => {
    const { kind: of, name } = make();
    expect(of).toBe(kind.kind);
    expect(name).toMatch(/^\w+/);
  });

  it('gives an answer that can be carried out to whatever it is shown, and writes nothing to it', () => {
    const policy = make();
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const faults: PolicyFault[] = [];
        const { decision, policy: decided } = asker(kind, policy, {
          onFault: (fault) => void faults.push(fault),
          onSlow: () => {},
          nowMs: () => 0,
        })(snapshot);
        expect(faults).toEqual([]);
        expect(decided).toBe(policy.name);
        expect(kind.read(decision, snapshot)).toEqual({ ok: decision });
      }),
    );
  });

  it('is pure: the same question has the same answer', () => {
    const policy = make();
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const copy = structuredClone(snapshot);
        expect(policy.decide(sealed(snapshot))).toEqual(make().decide(sealed(copy)));
        expect(policy.decide(snapshot)).toEqual(policy.decide(snapshot));
      }),
    );
  });
}

export const conformsToRetryPolicy = (make: () => RetryPolicy): void => conformsToPolicy(retryKind, make, retrySnapshot);
export const conformsToRoutingPolicy = (make: () => RoutingPolicy): void => conformsToPolicy(routingKind, make, routingSnapshot);
export const conformsToDependencyPolicy = (make: () => DependencyPolicy): void =>
  conformsToPolicy(dependencyKind, make, dependencySnapshot);
