// Standard output, whatever it is: a pipe, a terminal, a socket, a file. A reader that stalls must not stall the agent.

import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { type Channel, Sink, type SinkOptions } from './sink.ts';

/** Writes at once. The descriptor either never blocks for long (a file) or doesn't block at all (opened so). */
class DirectChannel implements Channel {
  readonly #fd: number;
  readonly #owned: boolean;
  constructor(fd: number, owned: boolean) {
    this.#fd = fd;
    this.#owned = owned;
  }
  write(buffer: Buffer, offset: number): number {
    return writeSync(this.#fd, buffer, offset, buffer.length - offset);
  }
  roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
  reopen(): void {}
  close(): void {
    if (this.#owned) closeSync(this.#fd);
  }
}

/** Writes on a thread of the runtime's pool, one write at a time: for descriptors that block and can't be opened anew. */
class ThreadChannel implements Channel {
  readonly #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }
  write(buffer: Buffer, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, buffer, offset, buffer.length - offset, null, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  }
  roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
  reopen(): void {}
  close(): void {}
}

/**
 * A pipe or terminal is opened anew through /proc, non-blocking: that is a file description of our own, so that neither our shell nor
 * another process on the same pipe gets a non-blocking descriptor, and a stalled reader costs EAGAIN instead of the thread. (Bun's
 * own stream would buffer without bound and lose the rest on exit.) A file is written through the given descriptor, whose position
 * it shares with others, such as a stderr that was sent to the same file.
 */
function openChannel(fd: number): Channel {
  const stat = fstatSync(fd);
  if (stat.isFile()) return new DirectChannel(fd, false);
  if (stat.isFIFO() || stat.isCharacterDevice()) {
    try {
      const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      return new DirectChannel(own, true);
    } catch {
      // No /proc, not our pipe, or no reader any more: the given descriptor tells.
    }
  }
  return new ThreadChannel(fd);
}

export function stdoutSink(options: SinkOptions = {}, fd = 1): Sink {
  return new Sink('stdout', openChannel(fd), options);
}
