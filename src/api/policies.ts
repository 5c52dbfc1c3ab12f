/** `troupe/policies`: the built-in policies by kind, and what one's own must look like. */
import { fail } from '../machines/policies/dependency/fail.ts';
import { ignore } from '../machines/policies/dependency/ignore.ts';
import { substitute } from '../machines/policies/dependency/substitute.ts';
import { byFailureKind } from '../machines/policies/retry/by-failure-kind.ts';
import { cost } from '../machines/policies/retry/cost.ts';
import { exponential } from '../machines/policies/retry/exponential.ts';
import { fixed } from '../machines/policies/retry/fixed.ts';
import { labels } from '../machines/policies/routing/labels.ts';
import { leastLoaded } from '../machines/policies/routing/least-loaded.ts';
import { random } from '../machines/policies/routing/random.ts';

/** Again? after how long? on which executor, with what resources? */
export const retry = { fixed, exponential, cost, byFailureKind } as const;
/** Which executor takes a task that is ready. */
export const routing = { leastLoaded, random, labels } as const;
/** What inputs without a value do to the task that waits for them. */
export const dependency = { fail, ignore, substitute } as const;

export type { DependencyDecision, DependencyPolicy, DependencySnapshot } from '../machines/policies/dependency/port.ts';
export type { ExponentialOptions } from '../machines/policies/retry/exponential.ts';
export type { RetryDecision, RetryPolicy, RetrySnapshot } from '../machines/policies/retry/port.ts';
export type { RoutingCandidate, RoutingDecision, RoutingPolicy, RoutingSnapshot } from '../machines/policies/routing/port.ts';
export type { StreamInfo, StreamPathPolicy } from '../machines/model/stream-paths.ts';
