// A file's bytes, a piece at a time (edge: files).

import { closeSync, openSync, readSync } from 'node:fs';

/** Through one buffer, for a stream's many would be garbage faster than it is collected: each piece is valid until the next. */
export function* filePieces(path: string, pieceBytes: number): Generator<Buffer, undefined> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(pieceBytes);
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) yield buffer.subarray(0, n);
  } finally {
    closeSync(fd);
  }
}
