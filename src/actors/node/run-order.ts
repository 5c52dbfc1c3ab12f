/** One order of a worker, from its bytes to the bytes of its outcome: a try of a task, or a call of a host's entry. */
import { InternalError, SerializationError } from '../../machines/model/errors.ts';
import { messageOf } from '../../machines/model/failures.ts';
import type { Serializer } from '../../transport/serializers/port.ts';
import type { RegisteredFinder } from '../loader.ts';
import { checked, runCall } from '../run-call.ts';
import { errorPayload, runTask, type Outcome, type TaskHost } from '../run-task.ts';
import type { TryControl } from '../try-control.ts';
import { decodeOrder, encodeOutcome, type Order } from '../work.ts';

export interface OrderHost {
  readonly serializer: Serializer;
  readonly finder: RegisteredFinder;
  /** What a try may forward of its console output. */
  readonly outputBytes: number;
  readonly accelerators: readonly string[];
  /** Largest outcome that the way back takes. */
  readonly outcomeBytes: number;
}

export interface OrderHooks {
  readonly control: TryControl;
  progress(value: Uint8Array): void;
  output(stream: 'stdout' | 'stderr', text: string): void;
}

/** Runs orders; what it returns never rejects. */
export function orderRunner({ serializer, finder, outcomeBytes, ...own }: OrderHost) {
  const host: TaskHost = { serializer, copies: true, find: finder.find, ...own };

  function run(order: Order, { control, progress, output }: OrderHooks): Promise<Outcome> {
    if (order.type === 'call') {
      const hooks = { control, output, progress: (value: unknown) => progress(checked(value, 'progress')) };
      return runCall(order.call, host, hooks, finder.registered);
    }
    const { attempt, importUrl } = order;
    if (importUrl !== undefined) process.setSourceMapsEnabled(true);
    return runTask({ ...attempt, priority: 0, timeLimitMs: undefined }, host, {
      control,
      output,
      ...(importUrl === undefined ? undefined : { importUrl }),
      progress: (value) => progress(serializer.encode(value, 'progress')),
    });
  }

  function failed(kind: 'internal' | 'serialization', error: Error): Uint8Array {
    return encodeOutcome({ type: 'failed', kind, error: errorPayload(error, host) }, serializer);
  }

  return async (work: Uint8Array, hooks: OrderHooks): Promise<Uint8Array> => {
    try {
      const order = decodeOrder(work);
      const bytes = encodeOutcome(await run(order, hooks), serializer);
      return bytes.length <= outcomeBytes ? bytes : failed('serialization', tooLarge(order, bytes.length));
    } catch (cause) {
      return failed('internal', new InternalError(`an order could not be carried out: ${messageOf(cause)}`, { actor: 'worker', cause }));
    }
  };

  function tooLarge(order: Order, bytes: number): SerializationError {
    const { taskId, tryIndex } = order.type === 'try' ? order.attempt : { taskId: order.call.id, tryIndex: order.call.tryIndex };
    const message = `${taskId} has a result of ${bytes} bytes, of ${outcomeBytes} at most: write a file, and return where it is`;
    return new SerializationError(message, { taskId, tryIndex, side: 'result', path: 'result' });
  }
}
