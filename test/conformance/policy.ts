/** What every policy does, whatever it decides: `describe('fixed', () => conformsToRetryPolicy(() => fixed(3)))`. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import type { BlockErrorsPolicy } from '../../src/machines/policies/block-errors/port.ts';
import { blockErrorsKind, handshakeKind, orderingKind, scalingKind, selectionKind } from '../../src/machines/policies/block-kinds.ts';
import type { DependencyPolicy } from '../../src/machines/policies/dependency/port.ts';
import { asker, sealed, type PolicyFault } from '../../src/machines/policies/firewall.ts';
import type { HandshakePolicy } from '../../src/machines/policies/handshake/port.ts';
import { dependencyKind, retryKind, routingKind } from '../../src/machines/policies/kinds.ts';
import type { OrderingPolicy } from '../../src/machines/policies/ordering/port.ts';
import type { PolicyKind, PolicyOf } from '../../src/machines/policies/port.ts';
import type { RetryPolicy } from '../../src/machines/policies/retry/port.ts';
import type { RoutingPolicy } from '../../src/machines/policies/routing/port.ts';
import type { ScalingPolicy } from '../../src/machines/policies/scaling/port.ts';
import type { SelectionPolicy } from '../../src/machines/policies/selection/port.ts';
import { dependencySnapshot, retrySnapshot, routingSnapshot } from '../support/arbitraries.ts';
import {
  blockErrorsSnapshot,
  handshakeSnapshot,
  orderingSnapshot,
  scalingSnapshot,
  selectionSnapshot,
} from '../support/block-arbitraries.ts';

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
export const conformsToSelectionPolicy = (make: () => SelectionPolicy): void => conformsToPolicy(selectionKind, make, selectionSnapshot);
export const conformsToOrderingPolicy = (make: () => OrderingPolicy): void => conformsToPolicy(orderingKind, make, orderingSnapshot);
export const conformsToBlockErrorsPolicy = (make: () => BlockErrorsPolicy): void =>
  conformsToPolicy(blockErrorsKind, make, blockErrorsSnapshot);
export const conformsToHandshakePolicy = (make: () => HandshakePolicy): void => conformsToPolicy(handshakeKind, make, handshakeSnapshot);

export function conformsToScalingPolicy(make: () => ScalingPolicy): void {
  conformsToPolicy(scalingKind, make, scalingSnapshot);

  it('asks for no more blocks than there may be, keeps the least, and never gives back one that works or leaves', () => {
    const policy = make();
    fc.assert(
      fc.property(scalingSnapshot, (snapshot) => {
        const { out, in: back } = policy.decide(snapshot);
        const { blocks, limits } = snapshot;
        expect(out).toBeLessThanOrEqual(Math.max(0, limits.max - blocks.length));
        expect(out === 0 || back.length === 0).toBe(true);
        const given = blocks.filter(({ blockId }) => back.includes(blockId));
        expect(given.filter(({ tries, state }) => tries > 0 || state === 'draining' || state === 'cancelling')).toEqual([]);
        const staying = blocks.filter(({ state }) => state !== 'draining' && state !== 'cancelling').length - given.length;
        if (given.length > 0) expect(staying).toBeGreaterThanOrEqual(limits.min);
      }),
    );
  });
}
