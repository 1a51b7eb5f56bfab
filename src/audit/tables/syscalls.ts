// Syscall numbers and names by architecture. Architectures are AUDIT_ARCH_* values or the names that arches.ts knows.

import { ARCH, archValue } from './arches.ts';
import { AARCH64, ARM, I386, X32, X86_64 } from './data/syscalls.ts';
import { lazyNames, type Names } from './names.ts';

/** Set in the number of an x32 syscall; its arch in records is x86_64. */
const X32_BIT = 0x40000000;

const TABLES: ReadonlyMap<number, Names> = new Map([
  [ARCH.x86_64, lazyNames(X86_64)],
  [ARCH.i386, lazyNames(I386)],
  [ARCH.aarch64, lazyNames(AARCH64)],
  [ARCH.arm, lazyNames(ARM)],
]);

const x32 = lazyNames(X32);

/** Where audit-userspace spells names its own way: `ausyscall ARCH --dump` of audit 3.0.9 against the kernel's headers. */
const AUDIT_SPELLINGS: ReadonlyMap<number, Names> = new Map([
  [ARCH.x86_64, lazyNames('17 pread pwrite')],
  [ARCH.i386, lazyNames('219 madvise|madvise1 283 sys_kexec_load 423 sched_rr_get_interval64')],
  [ARCH.aarch64, lazyNames('61 getdents 67 pread pwrite 80 newfstat')],
  [
    ARCH.arm,
    lazyNames('140 llseek 142 newselect 149 sysctl 270 fadvise64_64 341 sync_file_range 423 sched_rr_get_interval64'),
  ],
]);

/** The answer before: storms are of one syscall, and each event is asked for its syscall several times. */
let lastArch = 0;
let lastNumber = -1;
let lastName: string | undefined;

/** The name of syscall `nr`; absent for an unknown number or an architecture without a table. */
export function syscallName(arch: number, nr: number): string | undefined {
  if (arch !== lastArch || nr !== lastNumber) {
    lastName = lookUp(arch, nr);
    lastArch = arch;
    lastNumber = nr;
  }
  return lastName;
}

function lookUp(arch: number, nr: number): string | undefined {
  const names = TABLES.get(arch);
  if (names === undefined) return undefined;
  // Negative numbers are never syscalls: -1 is what a tracer leaves to skip one.
  if (arch === ARCH.x86_64 && nr >= X32_BIT) {
    const plain = nr - X32_BIT;
    return x32.name(plain) ?? names.name(plain);
  }
  return names.name(nr);
}

/** The name as auditctl and auditd write it, which differs from the kernel's for a few. */
export function auditSyscallName(arch: number, nr: number): string | undefined {
  return AUDIT_SPELLINGS.get(arch)?.name(nr) ?? syscallName(arch, nr);
}

/** The number of a syscall, by the kernel's name or audit-userspace's. */
export function syscallNumber(arch: number | string, name: string): number | undefined {
  const value = typeof arch === 'string' ? archValue(arch) : arch;
  if (value === undefined) return undefined;
  return TABLES.get(value)?.number(name) ?? AUDIT_SPELLINGS.get(value)?.number(name);
}

/** Every syscall name of an architecture, for suggestions; none for one without a table. */
export function syscallNames(arch: number): Iterable<string> {
  return TABLES.get(arch)?.names() ?? [];
}
