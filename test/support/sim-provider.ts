/**
 * A provider of a simulation: jobs take a while to start, run one manager a node, and end with the last of them, at
 * their walltime, or by a fault. Requests take a while too, and may go wrong in every way that a batch system has.
 */
import { readConfig } from '../../src/actors/node/config.ts';
import type { JobEnd, JobSpec, JobStatus } from '../../src/machines/model/blocks.ts';
import type { OpenProvider, Provider, ProviderFact, ProviderHost, ProviderRequest } from '../../src/providers/port.ts';
import type { Random, SimClock, SimProcess } from './sim-clock.ts';
import { startNode, type NodeHost, type SimNode } from './sim-node.ts';

export interface SimJob {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly nodes: readonly SimNode[];
  readonly isOver: boolean;
  /** The job is ended so, with all that runs in it. */
  end(evidence: JobEnd): void;
}

export interface SimProvider extends Provider {
  readonly jobs: readonly SimJob[];
  /** Jobs that are not over. */
  readonly live: readonly SimJob[];
}

export interface SimProviderHost {
  readonly clock: SimClock;
  readonly driver: SimProcess;
  readonly random: Random;
  readonly node: NodeHost;
  readonly pollMs: number;
  /** How often a request goes wrong, from 0 to 1; asked for each. */
  faultRate(): number;
}

/** What may become of a request. */
type Fault = 'failed' | 'failedLate' | 'refused' | 'silent' | 'lost' | 'twice';
const faults: readonly Fault[] = ['failed', 'failedLate', 'refused', 'silent', 'lost', 'twice'];

export function simProvider(host: SimProviderHost): SimProvider {
  const { clock, driver, random, node } = host;
  const jobs = new Map<string, SimJob & { status: JobStatus }>();
  const hosts = new Set<ProviderHost>();
  const tell = (fact: ProviderFact, ms: number): void =>
    void clock.setTimeout(() => driver.run(() => hosts.forEach((each) => each.tell(fact))), ms);

  function submit(spec: JobSpec): string {
    const jobId = `j${jobs.size + 1}`;
    let nodes: SimNode[] = [];
    const timers: unknown[] = [];
    const become = (status: JobStatus): void => {
      if (job.status.type === 'gone') return;
      job.status = status;
      if (host.pollMs === 0) tell({ type: 'job.changed', jobId, status }, 1 + random() * 50);
    };
    function over(evidence: JobEnd): void {
      if (job.isOver) return;
      for (const timer of timers) clock.clearTimeout(timer as never);
      become({ type: 'gone', evidence });
      for (const each of nodes) each.kill();
    }
    function start(): void {
      become({ type: 'known', phase: 'running' });
      const file = spec.argv[spec.argv.indexOf('--connect') + 1] as string;
      let left = spec.nodes;
      let worst = 0;
      const input = readConfig(file, {});
      nodes = Array.from({ length: spec.nodes }, () =>
        startNode(node, input, (code) => {
          worst = Math.max(worst, code ?? 137);
          left--;
          if (left > 0) return;
          // the batch system notices a little later
          timers.push(
            clock.setTimeout(
              () =>
                over({ end: worst === 0 ? 'completed' : 'failed', exitCode: worst, stderr: nodes.flatMap(({ logs }) => logs).join('\n') }),
              20,
            ),
          );
        }),
      );
      if (spec.walltimeMs !== undefined) timers.push(clock.setTimeout(() => over({ end: 'timeout' }), spec.walltimeMs));
    }
    const job: SimJob & { status: JobStatus } = {
      jobId,
      spec,
      get nodes() {
        return nodes;
      },
      get isOver() {
        return job.status.type === 'gone';
      },
      status: { type: 'known', phase: 'pending' },
      end: over,
    };
    jobs.set(jobId, job);
    timers.push(clock.setTimeout(start, 50 + random() * 2000));
    return jobId;
  }

  function carryOut(request: ProviderRequest): ProviderFact {
    const { requestId } = request;
    if (request.type === 'jobs.submit') return { type: 'jobs.submitted', requestId, jobId: submit(request.job) };
    if (request.type === 'jobs.cancel') {
      for (const jobId of request.jobIds) jobs.get(jobId)?.end({ end: 'cancelled' });
      return { type: 'jobs.cancelled', requestId };
    }
    if (request.type === 'jobs.status')
      return {
        type: 'jobs.known',
        requestId,
        jobs: Object.fromEntries(request.jobIds.flatMap((id) => (jobs.has(id) ? [[id, jobs.get(id)?.status as JobStatus]] : []))),
      };
    const found = [...jobs.values()].filter(({ spec }) => request.names.includes(spec.name));
    return { type: 'jobs.found', requestId, jobs: Object.fromEntries(found.map(({ jobId, spec }) => [spec.name, jobId])) };
  }

  function answers(request: ProviderRequest, fault: Fault | undefined): readonly ProviderFact[] {
    const { requestId } = request;
    const failed: ProviderFact = { type: 'jobs.failed', requestId, message: 'the batch system is not well' };
    if (fault === 'failed') return [failed];
    if (fault === 'silent') return [];
    if (fault === 'refused')
      return [request.type === 'jobs.submit' ? { type: 'jobs.refused', requestId, message: 'no such partition' } : failed];
    const fact = carryOut(request);
    if (fault === 'failedLate') return [failed];
    if (fault === 'lost') return [];
    return fault === 'twice' ? [fact, fact] : [fact];
  }

  return {
    kind: 'simulated',
    options: {},
    traits: { pollMs: host.pollMs, batch: 50, isLocal: true },
    render: ({ name }) => name,
    open(opened): OpenProvider {
      hosts.add(opened);
      return {
        send(request) {
          const fault = random() < host.faultRate() ? faults[Math.floor(random() * faults.length)] : undefined;
          clock.setTimeout(() => {
            for (const fact of answers(request, fault)) tell(fact, random() * 30);
          }, random() * 30);
        },
        async close() {
          hosts.delete(opened);
        },
      };
    },
    get jobs() {
      return [...jobs.values()];
    },
    get live() {
      return [...jobs.values()].filter(({ isOver }) => !isOver);
    },
  };
}
