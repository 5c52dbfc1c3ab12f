export interface SeenTry {
  readonly startMs: number;
  endMs: number | undefined;
  ok: boolean;
  worker: string;
  error?: string;
}
export interface SeenTask {
  readonly id: string;
  readonly name: string;
  readonly kind: 'function' | 'shell' | 'join';
  readonly submittedMs: number;
  settledMs: number | undefined;
  readonly tries: SeenTry[];
}
