/** Starts copies of the command side by side on one node, with bash. Source: Parsl, `SingleNodeLauncher`. */
import { z } from 'zod';

import { checked } from '../machines/model/checked.ts';
import { lazy } from '../machines/model/lazy.ts';
import type { Launcher } from './port.ts';
import { checkReach } from './reach.ts';

/** Options of {@link singleNode}. */
export interface SingleNodeOptions {
  /** Whether one copy that fails makes the whole fail; else all must. Either way all are waited for. @defaultValue false */
  readonly failOnAny?: boolean;
}

export const singleNodeSchema = lazy(() =>
  z.strictObject({ failOnAny: z.boolean().optional().describe('Whether one copy that fails makes the whole fail; else all must.') }),
);

/**
 * As many copies as the node has ranks, each with its number from 0 in `TROUPE_RANK`; waits for all of them.
 *
 * The exit code is 0 when enough copies succeeded, else that of the lowest rank that failed. SIGTERM and SIGINT are
 * passed on to every copy as SIGTERM.
 *
 * @throws ConfigError
 */
export function singleNode(options: SingleNodeOptions = {}): Launcher {
  const { failOnAny = false } = checked(singleNodeSchema(), options, 'singleNode');
  return {
    kind: 'singleNode',
    options: failOnAny ? { failOnAny } : {},
    launch(argv, at) {
      checkReach('singleNode()', argv, at, { nodes: 1 });
      return ['/bin/bash', '-c', script, 'troupe-single-node', String(at.ranksPerNode), failOnAny ? 'any' : 'all', ...argv];
    },
  };
}

/**
 * The command comes as `"$@"`: no word of it is ever read by the shell. `exec` runs programs only, never a builtin of
 * the same name. A `wait` that a signal interrupts is taken up again; one that comes too late answers 127, and the
 * first answer stands. Bash starts what runs in the background with SIGINT ignored: hence SIGTERM for both.
 */
const script = `
ranks=$1 fails=$2; shift 2
copies=() stopped= signalled=
pass_on() { stopped=1 signalled=1; kill -s TERM "\${copies[@]}" $! 2>/dev/null; }
trap pass_on TERM INT
for ((rank = 0; rank < ranks; rank++)); do
  [[ -n $stopped ]] && break
  (export TROUPE_RANK=$rank; exec -- "$@") &
  copies+=($!)
done
failed=0 code=0
for copy in "\${copies[@]}"; do
  signalled=; wait "$copy"; ended=$?
  while [[ -n $signalled ]]; do
    signalled=; wait "$copy"; again=$?
    ((again == 127)) || ended=$again
  done
  ((ended == 0)) && continue
  ((failed++ == 0)) && code=$ended
done
[[ -n $stopped && \${#copies[@]} -eq 0 ]] && exit 143
[[ $fails == any || $failed -eq \${#copies[@]} ]] && exit $code
exit 0
`;
