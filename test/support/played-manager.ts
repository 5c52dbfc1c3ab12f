/** A manager that a test plays: it speaks through a link that is a plain object, and says what the test has it say. */
import type { Managers } from '../../src/actors/blocks/managers.ts';
import type { ManagerState } from '../../src/machines/model/blocks.ts';
import type { Build } from '../../src/machines/policies/handshake/port.ts';
import type { Link, LinkHandlers } from '../../src/transport/port.ts';
import type { Message, MessageOf, Upward } from '../../src/transport/protocol.ts';

export const thisBuild: Build = { protocol: 1, version: '0.1.0', bundleHash: 'f00d', node: '20.19.0', platform: 'linux-x64' };

type Numberless<M> = M extends unknown ? Omit<M, 'seq'> : never;

/** A manager as the test plays it. */
export interface PlayedManager {
  readonly managerId: string;
  readonly blockId: string;
  /** What it was sent and the test has not taken, oldest first. */
  readonly inbox: readonly Message[];
  /** Takes all messages of a type. */
  take<T extends Message['t']>(t: T): readonly MessageOf<T>[];
  /** Takes all grants: their leases, in order. */
  leases(): readonly number[];
  /** Leases that it was granted, by the key of the work that they are for. */
  readonly byKey: ReadonlyMap<string, number>;
  /** A frame. Reliable messages get their numbers here. */
  say(...messages: readonly Numberless<Upward>[]): void;
  /** A frame as it is. */
  frame(...messages: readonly Message[]): void;
  /** A frame that has left, and arrives when it is called, whatever became of the link. */
  onItsWay(...messages: readonly Numberless<Upward>[]): () => void;
  /** `seq` of the last reliable message. */
  readonly seq: number;
  /** The link closes; what is said meanwhile is not heard. */
  drop(reason?: string): void;
  /** Its link takes more again. */
  drained(): void;
  /** A new link, and the first words on it. */
  comeBack(holds: readonly number[], more?: Partial<MessageOf<'register'>>): void;
  /** Why the driver has closed its link; `undefined` while it is open. */
  readonly closedWith: string | undefined;
  readonly state: ManagerState | 'gone';
}

/** What it says of itself, and of which block it has the secret. */
export type Registers = Partial<MessageOf<'register'>> & { readonly secretOf?: string };

/** Outcome bytes of a result. */
export const doneBytes = Uint8Array.of(0, 42);
export const ended = (...leases: readonly number[]) =>
  ({ t: 'ended', leases, outcomes: leases.map(() => doneBytes), workers: leases.map(() => '11') }) as const;
export const started = (...leases: readonly number[]) => ({ t: 'started', leases, workers: leases.map((lease) => `w${lease}`) }) as const;

const reliable: readonly string[] = ['ended', 'lost', 'returned'];
/** Work is its key, so that a grant says what it is for. */
export const encodeKey = (key: string): Uint8Array => new TextEncoder().encode(key);
const decodeKey = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Connects: four workers, a credit of four, eight cores, of block 1, unless something else is said. */
export function playManager(crew: Managers, managerId: string, { secretOf, ...more }: Registers = {}): PlayedManager {
  const blockId = more.blockId ?? '1';
  const byKey = new Map<string, number>();
  let inbox: Message[] = [];
  let seq = 0;
  let handlers: LinkHandlers | undefined;
  let closedWith: string | undefined;
  let latest: Message | undefined;

  function connect(first: MessageOf<'register'>): void {
    let isOpen = true;
    latest = first;
    closedWith = undefined;
    const close = (reason: string): void => {
      if (!isOpen) return;
      isOpen = false;
      queueMicrotask(() => own.closed(reason));
      if (latest !== first) return; // a newer link is there
      closedWith = reason;
      handlers = undefined;
    };
    const link: Link = {
      peer: `block ${blockId}`,
      send(message) {
        if (!isOpen) return;
        inbox.push(message);
        if (message.t === 'grant')
          for (const [i, lease] of message.leases.entries()) byKey.set(decodeKey(message.works[i] as Uint8Array), lease);
      },
      queuedBytes: 0,
      close: (reason = '') => close(reason),
      terminate: () => close('terminated'),
    };
    const own = crew.onLink(link, secretOf ?? blockId);
    if (isOpen) handlers = own;
    cut = (reason) => {
      if (!isOpen) return;
      isOpen = false;
      handlers = undefined;
      own.closed(reason);
    };
    handlers?.messages([first]);
  }
  let cut = (_reason: string): void => {};
  const numbered = (messages: readonly Numberless<Upward>[]): readonly Message[] =>
    messages.map((message) => (reliable.includes(message.t) ? { ...message, seq: ++seq } : message) as Message);

  const registration = (holds: readonly number[], extra: Partial<MessageOf<'register'>>): MessageOf<'register'> => ({
    t: 'register',
    managerId,
    blockId,
    build: thisBuild,
    host: 'n1',
    pid: 4711,
    workers: 4,
    capacity: { cores: 8, memoryBytes: 8e9 },
    credit: 4,
    holds,
    sent: seq,
    ...more,
    ...extra,
  });
  connect(registration([], {}));

  return {
    managerId,
    blockId,
    get inbox() {
      return inbox;
    },
    take<T extends Message['t']>(t: T) {
      const taken = inbox.filter((message): message is MessageOf<T> => message.t === t);
      inbox = inbox.filter((message) => message.t !== t);
      return taken;
    },
    leases() {
      return this.take('grant').flatMap(({ leases }) => leases);
    },
    byKey,
    say: (...messages) => handlers?.messages(numbered(messages)),
    onItsWay(...messages) {
      const [to, frame] = [handlers, numbered(messages)];
      return () => to?.messages(frame);
    },
    frame(...messages) {
      handlers?.messages(messages);
    },
    get seq() {
      return seq;
    },
    drop: (reason = 'ECONNRESET') => cut(reason),
    drained: () => handlers?.drained(),
    comeBack: (holds, extra = {}) => connect(registration(holds, extra)),
    get closedWith() {
      return closedWith;
    },
    get state() {
      return crew.live.get(managerId)?.actor.getSnapshot().value ?? 'gone';
    },
  };
}
