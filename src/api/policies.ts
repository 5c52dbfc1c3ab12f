/** `troupe/policies`: the built-in policies by kind, and what one's own must look like. */
import { ignore as ignoreBlockErrors } from '../machines/policies/block-errors/ignore.ts';
import { neverReady } from '../machines/policies/block-errors/never-ready.ts';
import { simple as simpleBlockErrors } from '../machines/policies/block-errors/simple.ts';
import { windowed } from '../machines/policies/block-errors/windowed.ts';
import { fail } from '../machines/policies/dependency/fail.ts';
import { ignore } from '../machines/policies/dependency/ignore.ts';
import { substitute } from '../machines/policies/dependency/substitute.ts';
import { compatible } from '../machines/policies/handshake/compatible.ts';
import { protocolOnly } from '../machines/policies/handshake/protocol-only.ts';
import { strict } from '../machines/policies/handshake/strict.ts';
import { aged } from '../machines/policies/ordering/aged.ts';
import { priority } from '../machines/policies/ordering/priority.ts';
import { byFailureKind } from '../machines/policies/retry/by-failure-kind.ts';
import { cost } from '../machines/policies/retry/cost.ts';
import { exponential } from '../machines/policies/retry/exponential.ts';
import { fixed } from '../machines/policies/retry/fixed.ts';
import { labels } from '../machines/policies/routing/labels.ts';
import { leastLoaded } from '../machines/policies/routing/least-loaded.ts';
import { random } from '../machines/policies/routing/random.ts';
import { autoScale } from '../machines/policies/scaling/auto-scale.ts';
import { htexAutoScale } from '../machines/policies/scaling/htex-auto-scale.ts';
import { none } from '../machines/policies/scaling/none.ts';
import { simple } from '../machines/policies/scaling/simple.ts';
import { leastLoaded as leastLoadedManager } from '../machines/policies/selection/least-loaded.ts';
import { packByBlock } from '../machines/policies/selection/pack-by-block.ts';
import { random as randomManager } from '../machines/policies/selection/random.ts';

/** Again? after how long? on which executor, with what resources? */
export const retry = { fixed, exponential, cost, byFailureKind } as const;
/** Which executor takes a task that is ready. */
export const routing = { leastLoaded, random, labels } as const;
/** What inputs without a value do to the task that waits for them. */
export const dependency = { fail, ignore, substitute } as const;
/** How many blocks out, which blocks in. */
export const scaling = { autoScale, simple, htexAutoScale, none } as const;
/** Which manager gets a try. */
export const selection = { leastLoaded: leastLoadedManager, random: randomManager, packByBlock } as const;
/** Which queued try goes first. */
export const ordering = { priority, aged } as const;
/** When blocks that fail make their executor bad. */
export const blockErrors = { neverReady, simple: simpleBlockErrors, windowed, ignore: ignoreBlockErrors } as const;
/** Whether a manager may work for this driver. */
export const handshake = { compatible, strict, protocolOnly } as const;

export type { BlockErrorsDecision, BlockErrorsPolicy, BlockErrorsSnapshot, EndedBlock } from '../machines/policies/block-errors/port.ts';
export type { WindowedOptions } from '../machines/policies/block-errors/windowed.ts';
export type { DependencyDecision, DependencyPolicy, DependencySnapshot } from '../machines/policies/dependency/port.ts';
export type { Build, HandshakeDecision, HandshakePolicy, HandshakeSnapshot } from '../machines/policies/handshake/port.ts';
export type { AgedOptions } from '../machines/policies/ordering/aged.ts';
export type { OrderingDecision, OrderingPolicy, OrderingSnapshot } from '../machines/policies/ordering/port.ts';
export type { ExponentialOptions } from '../machines/policies/retry/exponential.ts';
export type { RetryDecision, RetryPolicy, RetrySnapshot } from '../machines/policies/retry/port.ts';
export type { RoutingCandidate, RoutingDecision, RoutingPolicy, RoutingSnapshot } from '../machines/policies/routing/port.ts';
export type { AutoScaleOptions } from '../machines/policies/scaling/auto-scale.ts';
export type { HtexAutoScaleOptions } from '../machines/policies/scaling/htex-auto-scale.ts';
export type { ScalingDecision, ScalingPolicy, ScalingSnapshot } from '../machines/policies/scaling/port.ts';
export type { SimpleOptions } from '../machines/policies/scaling/simple.ts';
export type { SelectionCandidate, SelectionDecision, SelectionPolicy, SelectionSnapshot } from '../machines/policies/selection/port.ts';
export type { StreamInfo, StreamPathPolicy } from '../machines/model/stream-paths.ts';
