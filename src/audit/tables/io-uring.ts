// io_uring operations, the "syscalls" of the io_uring rule list and of URINGOP records.

import { IO_URING_OPS } from './data/io-uring.ts';
import { lazyNames } from './names.ts';

const ops = lazyNames(IO_URING_OPS);

export function ioUringOpName(op: number): string | undefined {
  return ops.name(op);
}

export function ioUringOpNumber(name: string): number | undefined {
  return ops.number(name);
}

export function ioUringOpNames(): Iterable<string> {
  return ops.names();
}
