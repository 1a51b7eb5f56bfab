// The rules that the agent asks the kernel for, by what its own rules need. Every exit rule costs every syscall of every process a
// look at its mask, so there are few: one for all syscalls with the same conditions. Keys name what a rule is for; events are
// recognised by their content, since a host's earlier rule may take them under its own key.

import { textBytes } from '../../core/text.ts';
import { ARCH } from '../tables/arches.ts';
import { KEY_SEPARATOR, MAX_KEY_BYTES } from '../tables/rule-fields.ts';
import { socketcallNumber } from '../tables/sockets.ts';
import { syscallNumber } from '../tables/syscalls.ts';
import { type CallNeed, groupCalls } from './calls.ts';
import { formatRule } from './format.ts';
import { ADDRESS_BYTES } from './known-keys.ts';
import { KEY_PREFIX, pathKey, WHO } from './own-keys.ts';
import { parseRule } from './parse.ts';
import type { Rule, RuleContext } from './rule.ts';
import { quoteToken } from './tokens.ts';
import type { Watch } from './watches.ts';

export interface RuleNeeds {
  readonly exec: boolean;
  readonly execFailed: boolean;
  readonly connect: boolean;
  readonly accept: boolean;
  readonly bind: boolean;
  readonly listen: boolean;
  /** chroot and pivot_root. */
  readonly rootChanges: boolean;
  /** exit_group. */
  readonly exit?: boolean;
  /** System calls, files and keys that rules name. */
  readonly calls?: readonly CallNeed[];
  readonly watches?: readonly Watch[];
  /** Where the watcher of files can't tell who wrote. */
  readonly who?: readonly Watch[];
  readonly keys?: readonly KeyedNeed[];
}

/** Events that a rule expects under a key: starts of programs, given by the paths of their files, or connections of a family. */
export interface KeyedNeed {
  readonly keys: readonly string[];
  readonly programs?: readonly string[];
  readonly family?: 2 | 10;
}

export interface DefaultRulesOptions {
  readonly arch: 'x86_64' | 'aarch64';
  /** The agent's own, which no rule matches; absent where the rules are only shown. */
  readonly pid?: number;
  readonly needs: RuleNeeds;
  /** Whether the kernel knows the field saddr_fam (Linux 5.3). Without it connects of AF_UNIX sockets match too. */
  readonly saddrFam: boolean;
  /** Rules for 32-bit programs too; the default. */
  readonly compat?: boolean;
  /**
   * Whether rules whose key matters go before all others: of the rules that match an event only the first gives its key. Beside an
   * audit daemon they don't: its events must keep their keys.
   */
  readonly keyedFirst?: boolean;
  /** Told of a rule that can't be written: a path or keys that are too long. */
  readonly note?: (text: string) => void;
}

export interface DefaultRule {
  /** As `auditctl -l` would list it. */
  readonly text: string;
  readonly rule: Rule;
  /** True where older kernels refuse the rule and the agent does without. */
  readonly optional: boolean;
  /** Keys that our own rules look for. */
  readonly keys: readonly string[];
  /** Must stay behind all others: of the rules that match an event only the first gives its key. */
  readonly isLast: boolean;
}

/**
 * AF_INET (2) to AF_INET6 (10) in one rule instead of two. Between them are only protocols of the nineties (AX.25, IPX, AppleTalk, …);
 * AF_UNSPEC, AF_UNIX, AF_NETLINK and AF_VSOCK are outside.
 */
const INTERNET = ['-F saddr_fam>=2', '-F saddr_fam<=10'];
const MSG_FASTOPEN = '0x20000000';

export function defaultRules(options: DefaultRulesOptions): DefaultRule[] {
  const native = ARCH[options.arch];
  const context: RuleContext = {
    arch: native,
    uid: () => undefined,
    gid: () => undefined,
    isDirectory: () => false,
  };
  const out: DefaultRule[] = [];
  const add: Add = (list, conditions, purpose, { optional = false, keys = [], isLast = false } = {}) => {
    const own = options.pid === undefined ? [] : [`-F pid!=${options.pid}`];
    const allKeys = [`${KEY_PREFIX}-${purpose}`, ...keys].map(key => `-F key=${quoteToken(key)}`);
    const where = keys.length > 0 && options.keyedFirst === true ? '-A' : '-a';
    const text = [`${where} always,${list}`, ...conditions, ...own, ...allKeys].join(' ');
    const parsed = parseRule(text, context);
    if (!('ok' in parsed) || parsed.ok.kind !== 'add') {
      options.note?.(`"${text}" is no kernel rule: ${'error' in parsed ? parsed.error.message : parsed.ok.kind}`);
      return;
    }
    out.push({ text: formatRule(parsed.ok.rule, context), rule: parsed.ok.rule, optional, keys, isLast });
  };
  const compat = options.arch === 'x86_64' ? ARCH.i386 : ARCH.arm;
  const arches: readonly (readonly [bits: string, arch: number])[] = [
    ['b64', native],
    ...(options.compat === false ? [] : [['b32', compat] as const]),
  ];
  const eachArch = (rules: (exit: AddExit, bits: string, arch: number) => void): void => {
    for (const [bits, arch] of arches) rules(exitRules(bits, arch, add), bits, arch);
  };
  // What has keys that matter comes first.
  const calls = groupCalls(options.needs.calls ?? []);
  const isKeyed = ({ keys }: CallNeed): boolean => keys.length > 0;
  eachArch(exit => {
    for (const call of calls.filter(isKeyed)) exit(call.names, fieldsOf(call), 'call', { keys: call.keys });
  });
  for (const need of options.needs.keys ?? []) addKeyed(need, options, eachArch, add);
  const { watches = [], who = [] } = options.needs;
  const opens = watches.filter(({ by }) => by !== undefined);
  // A file's watch gives its name, a folder's doesn't.
  for (const watch of opens) if (watch.kind === 'path') addOpens(watch, eachArch);
  for (const watch of opens) if (watch.kind === 'dir') addOpens(watch, eachArch);
  eachArch((exit, _bits, arch) => addSyscallRules(options, arch, exit));
  const { connect, bind, accept, listen } = options.needs;
  const ops = names({ accept, connect, bind, listen });
  if (ops.length > 0) {
    // No saddr_fam here: an operation that a worker thread does has no address when the rule is tested. Linux 5.16.
    add('io_uring', [`-S ${ops.join(',')}`], 'uring', { optional: true });
  }
  eachArch(exit => {
    for (const call of calls) if (!isKeyed(call)) exit(call.names, fieldsOf(call), 'call');
  });
  for (const watch of watches) if (watch.by === undefined) addWatch(watch, 'file', eachArch, add);
  for (const watch of who) addWatch(watch, WHO, eachArch, add, { isLast: true });
  return out;
}

interface AddOptions {
  readonly optional?: boolean;
  readonly keys?: readonly string[];
  readonly isLast?: boolean;
}
type Add = (list: string, conditions: readonly string[], purpose: string, options?: AddOptions) => void;
/** Leaves out the syscalls that the architecture hasn't, and the rule if none is left. */
type AddExit = (
  syscalls: readonly string[],
  conditions: readonly string[],
  purpose: string,
  options?: AddOptions,
) => void;
type EachArch = (rules: (exit: AddExit) => void) => void;

const fieldsOf = ({ conditions }: CallNeed): string[] => conditions.map(condition => `-F ${condition}`);

function exitRules(bits: string, arch: number, add: Add): AddExit {
  return (syscalls, conditions, purpose, options) => {
    const known = syscalls.filter(name => syscallNumber(arch, name) !== undefined);
    if (known.length > 0) add('exit', [`-F arch=${bits}`, `-S ${known.join(',')}`, ...conditions], purpose, options);
  };
}

function addKeyed(need: KeyedNeed, options: DefaultRulesOptions, eachArch: EachArch, add: Add): void {
  const { keys, programs = [], family } = need;
  for (const path of programs) {
    add('exit', [`-F path=${quoteToken(path)}`, '-F perm=x', '-F success=1'], 'exec', { keys });
  }
  if (family === undefined) return;
  const condition = options.saddrFam ? `saddr_fam=${family}` : `a2=${ADDRESS_BYTES[family]}`;
  eachArch(exit => exit(['connect'], [`-F ${condition}`], 'connect', { keys }));
}

/** The system calls that `perm` takes for an access, so that a folder's rule isn't asked about all others. */
const CALLS_OF: Readonly<Record<string, string>> = {
  r: 'open openat openat2 readlink readlinkat getxattr lgetxattr listxattr llistxattr',
  w:
    'open openat openat2 creat truncate truncate64 rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat ' +
    'mkdir mkdirat rmdir mknod mknodat',
  a:
    'chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32 setxattr lsetxattr fsetxattr ' +
    'removexattr lremovexattr fremovexattr',
};

function addWatch(
  { kind, path, perm }: Watch,
  purpose: string,
  eachArch: EachArch,
  add: Add,
  options?: AddOptions,
): void {
  const conditions = [`-F ${kind}=${quoteToken(path)}`, `-F perm=${perm}`];
  // The kernel finds a file's watch by its inode, whatever the call; a folder's stands among the rules of every call.
  if (kind === 'path') {
    add('exit', conditions, purpose, options);
    return;
  }
  const calls = [...new Set([...perm].flatMap(letter => CALLS_OF[letter]?.split(' ') ?? []))];
  eachArch(exit => exit(calls, conditions, purpose, options));
}

/** Only calls that open: `-p r` alone would tell each `ls -l` too, which asks for attributes. */
function addOpens({ kind, path, by, names = [] }: Watch, eachArch: EachArch): void {
  const where = `-F ${kind}=${quoteToken(path)}`;
  const purpose = 'read';
  const keys = kind === 'dir' ? [] : names.map(pathKey);
  const all = [`${KEY_PREFIX}-${purpose}`, ...keys].join(KEY_SEPARATOR);
  // Without its name a file is told as whoever opened it called it.
  const fitting = textBytes(all).length > MAX_KEY_BYTES ? [] : keys;
  eachArch(exit => {
    if (by === 'connect') exit(['connect'], [where], purpose, { keys: fitting });
    else exit(['open', 'openat', 'openat2'], [where, '-F perm=r'], purpose, { keys: fitting });
  });
}

/** The parts of keys for the calls with and without an address of the other end. */
interface Purposes {
  readonly ends: string;
  readonly listens: string;
}

function addSyscallRules(options: DefaultRulesOptions, arch: number, exit: AddExit): void {
  const { needs } = options;
  const addressed = options.saddrFam ? INTERNET : [];
  const purposes: Purposes = {
    ends: names({ connect: needs.connect, bind: needs.bind }).join('+'),
    listens: names({ accept: needs.accept, listen: needs.listen }).join('+'),
  };
  if (needs.exec || needs.execFailed) {
    // A failed exec is no process start, and searching PATH makes nine of them for one script.
    const outcome = !needs.execFailed ? ['-F success=1'] : needs.exec ? [] : ['-F success=0'];
    exit(['execve', 'execveat'], outcome, 'exec');
  }
  // Never by success: a connect that doesn't block fails with EINPROGRESS.
  exit(names({ connect: needs.connect, bind: needs.bind }), addressed, purposes.ends);
  // accept has no saddr_fam: with a NULL address there is none. One that failed (EAGAIN) accepted nothing.
  const passive = names({ accept: needs.accept, accept4: needs.accept, listen: needs.listen });
  exit(passive, ['-F success=1'], purposes.listens);
  if (needs.connect) {
    // TCP Fast Open connects without connect.
    exit(['sendto', 'sendmmsg'], [`-F a3&=${MSG_FASTOPEN}`], 'fastopen');
    exit(['sendmsg'], [`-F a2&=${MSG_FASTOPEN}`], 'fastopen');
  }
  if (needs.rootChanges) exit(['chroot', 'pivot_root'], ['-F success=1'], 'root');
  if (needs.exit === true) exit(['exit_group'], [], 'exit');
  if (arch === ARCH.i386) addSocketcallRules(needs, addressed, purposes, exit);
}

/** i386 also has all socket calls behind one syscall, told apart by its first argument: bind 2, connect 3, listen 4, accept 5, accept4 18. */
function addSocketcallRules(needs: RuleNeeds, addressed: readonly string[], purposes: Purposes, exit: AddExit): void {
  const calls = (wanted: Readonly<Record<string, boolean>>): number[] =>
    names(wanted).map(name => socketcallNumber(name)!);
  const ends = calls({ bind: needs.bind, connect: needs.connect });
  if (ends.length > 0) exit(['socketcall'], [...firstArgument(ends), ...addressed], purposes.ends);
  const listens = calls({ listen: needs.listen, accept: needs.accept });
  if (listens.length > 0) exit(['socketcall'], [...firstArgument(listens), '-F success=1'], purposes.listens);
  if (needs.accept)
    exit(['socketcall'], [...firstArgument(calls({ accept4: true })), '-F success=1'], purposes.listens);
}

/** A condition on a0 for one number, or for two that follow one another. */
function firstArgument(numbers: readonly number[]): string[] {
  const [low, high] = numbers;
  const hex = (n: number | undefined): string => `0x${(n ?? 0).toString(16).toUpperCase()}`;
  return high === undefined ? [`-F a0=${hex(low)}`] : [`-F a0>=${hex(low)}`, `-F a0<=${hex(high)}`];
}

function names(wanted: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(wanted).filter(name => wanted[name]);
}
