// Socket address families and the calls behind i386's socketcall.

import { SOCKET_FAMILIES, SOCKETCALLS } from './data/sockets.ts';
import { lazyNames } from './names.ts';

const families = lazyNames(SOCKET_FAMILIES);
const calls = lazyNames(SOCKETCALLS);

/** The first number that is no address family (AF_MAX); rules with it or more are refused by kernels of this age. */
export const AF_MAX = 46;

/** The family's name in lower case without its prefix, such as `inet6`. */
export function socketFamilyName(family: number): string | undefined {
  return families.name(family);
}

/** The number of a family's name; `ipv4`, `ipv6` and `local` are synonyms. */
export function socketFamilyNumber(name: string): number | undefined {
  return families.number(name);
}

export function socketFamilyNames(): Iterable<string> {
  return families.names();
}

/** What socketcall(2)'s first argument stands for, as the syscall's name: 3 is `connect`. */
export function socketcallName(call: number): string | undefined {
  return calls.name(call);
}

export function socketcallNumber(name: string): number | undefined {
  return calls.number(name);
}
