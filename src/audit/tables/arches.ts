// Architectures as audit records (`arch=c000003e`) and rules (`-F arch=b64`) have them.

import { ARCHES } from './data/arches.ts';
import { lazyNames } from './names.ts';

/** The AUDIT_ARCH_* values that the rest of the code speaks of. */
export const ARCH = {
  x86_64: 0xc000003e,
  i386: 0x40000003,
  aarch64: 0xc00000b7,
  arm: 0x40000028,
} as const;

/** __AUDIT_ARCH_64BIT. */
const BITS_64 = 0x80000000;

/** Machine names of uname(2) that auditctl(8) takes for an architecture (audit-userspace's machinetab). */
const MACHINES: Readonly<Record<string, string>> = {
  i486: 'i386',
  i586: 'i386',
  i686: 'i386',
  armv5tejl: 'arm',
  armv5tel: 'arm',
  armv6l: 'arm',
  armv7l: 'arm',
  armv8l: 'aarch64',
};

const names = lazyNames(ARCHES);

/** The name of an AUDIT_ARCH_* value, such as `x86_64`. */
export function archName(value: number): string | undefined {
  return names.name(value);
}

/** The AUDIT_ARCH_* value of an architecture or machine name. */
export function archValue(name: string): number | undefined {
  return names.number(Object.hasOwn(MACHINES, name) ? MACHINES[name]! : name);
}

export function archNames(): Iterable<string> {
  return names.names();
}

export function is64Bit(arch: number): boolean {
  return (arch & BITS_64) !== 0;
}

/** The architecture of 32-bit programs on a 64-bit kernel (`b32`); itself for a 32-bit one; absent where there is none. */
export function compatArch(arch: number): number | undefined {
  switch (arch) {
    case ARCH.x86_64:
      return ARCH.i386;
    case ARCH.aarch64:
      return ARCH.arm;
    default:
      return is64Bit(arch) ? undefined : arch;
  }
}
