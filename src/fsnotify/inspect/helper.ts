// One worker: how it is started, what it says, and what can be seen of it while it is stuck (edge: a thread).

import type { FileState } from '../../core/event.ts';
import { devOf, stateOf } from './held.ts';
import { type Answer, type Batch, type PackedAnswer, Progress, type Settings, unpack } from './protocol.ts';

export interface Helper {
  send(batch: Batch): void;
  /** The job it is at, 0 for none. */
  at(): number;
  /** What it saw of the present job's file before it got stuck. */
  seen(): { readonly state: FileState; readonly dev: string } | undefined;
  end(): void;
}

export interface HelperSinks {
  answer(answer: Answer): void;
  /** It is no more; not told after `end`. */
  gone(reason: string): void;
}

export type StartHelper = (settings: Omit<Settings, 'progress'>, sinks: HelperSinks) => Helper;

/** In the executable all code is one file in Bun's own root, and the worker another beside it. */
const WORKER = import.meta.dir.startsWith('/$bunfs/')
  ? '/$bunfs/root/fsnotify/inspect/worker.js'
  : new URL('./worker.ts', import.meta.url).href;

export const startWorker: StartHelper = (settings, sinks) => {
  const shared = new SharedArrayBuffer(Progress.BYTES);
  const progress = new Progress(shared);
  const worker = new Worker(WORKER, { smol: true });
  let isEnded = false;
  const gone = (reason: string): void => {
    if (isEnded) return;
    isEnded = true;
    sinks.gone(reason);
  };
  // Who waits for answers keeps the process alive, not who gives them.
  worker.unref();
  worker.onmessage = ({ data }: MessageEvent<PackedAnswer>) => {
    if (!isEnded) sinks.answer(unpack(data));
  };
  worker.onerror = event => {
    event.preventDefault();
    gone(event.message);
  };
  worker.addEventListener('close', () => gone('it ended'));
  worker.postMessage({ ...settings, progress: shared } satisfies Settings);
  return {
    send: batch => worker.postMessage(JSON.stringify(batch)),
    at: () => progress.at,
    seen: () => (progress.isSeen ? { state: stateOf(progress.numbers), dev: devOf(progress.numbers) } : undefined),
    end: () => {
      isEnded = true;
      worker.terminate();
    },
  };
};
