/** `troupe/launchers`: how one command reaches every node of a block, and what may be done to it before. */
export { launchPipeline } from '../launchers/pipeline.ts';
export { simple } from '../launchers/simple.ts';
export { singleNode } from '../launchers/single-node.ts';
export type { SingleNodeOptions } from '../launchers/single-node.ts';
export { environment, prepend } from '../launchers/transforms.ts';
export { wrapped } from '../launchers/wrapped.ts';
export type { WrappedOptions } from '../launchers/wrapped.ts';
export type { Launcher, LaunchTarget, LaunchTransform } from '../launchers/port.ts';
