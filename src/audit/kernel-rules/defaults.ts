// The rules that the agent asks the kernel for, by what its own rules need. Every exit rule costs every syscall of every process a
// look at its mask, so there are few: one for all syscalls with the same conditions. Keys name what a rule is for; events are
// recognised by their content, since a host's earlier rule may take them under its own key.

import { ARCH } from '../tables/arches.ts';
import { socketcallNumber } from '../tables/sockets.ts';
import { syscallNumber } from '../tables/syscalls.ts';
import { formatRule } from './format.ts';
import { parseRule } from './parse.ts';
import type { Rule, RuleContext } from './rule.ts';

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
}

export interface DefaultRulesOptions {
  readonly arch: 'x86_64' | 'aarch64';
  /** The agent's own, which no rule matches. */
  readonly pid: number;
  readonly needs: RuleNeeds;
  /** Whether the kernel knows the field saddr_fam (Linux 5.3). Without it connects of AF_UNIX sockets match too. */
  readonly saddrFam: boolean;
  readonly keyPrefix: string;
  /** Rules for 32-bit programs too; the default. */
  readonly compat?: boolean;
}

export interface DefaultRule {
  /** As `auditctl -l` would list it. */
  readonly text: string;
  readonly rule: Rule;
  /** True where older kernels refuse the rule and the agent does without. */
  readonly optional: boolean;
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
  const add = (list: string, conditions: readonly string[], purpose: string, optional = false): void => {
    const own = [`-F pid!=${options.pid}`, `-F key=${options.keyPrefix}-${purpose}`];
    const text = [`-a always,${list}`, ...conditions, ...own].join(' ');
    const parsed = parseRule(text, context);
    if (!('ok' in parsed) || parsed.ok.kind !== 'add')
      throw new Error(`not a rule: ${text}: ${JSON.stringify(parsed)}`);
    out.push({ text: formatRule(parsed.ok.rule, context), rule: parsed.ok.rule, optional });
  };
  const bits = options.compat === false ? ['b64'] : ['b64', 'b32'];
  for (const b of bits) {
    const arch = b === 'b64' ? native : options.arch === 'x86_64' ? ARCH.i386 : ARCH.arm;
    addSyscallRules(options, b, arch, add);
  }
  const { connect, bind, accept, listen } = options.needs;
  const ops = names({ accept, connect, bind, listen });
  if (ops.length > 0) {
    // No saddr_fam here: an operation that a worker thread does has no address when the rule is tested. Linux 5.16.
    add('io_uring', [`-S ${ops.join(',')}`], 'uring', true);
  }
  return out;
}

type Add = (list: string, conditions: readonly string[], purpose: string) => void;
/** Leaves out the syscalls that the architecture hasn't, and the rule if none is left. */
type AddExit = (syscalls: readonly string[], conditions: readonly string[], purpose: string) => void;
/** The parts of keys for the calls with and without an address of the other end. */
interface Purposes {
  readonly ends: string;
  readonly listens: string;
}

function addSyscallRules(options: DefaultRulesOptions, bits: string, arch: number, add: Add): void {
  const { needs } = options;
  const addressed = options.saddrFam ? INTERNET : [];
  const purposes: Purposes = {
    ends: names({ connect: needs.connect, bind: needs.bind }).join('+'),
    listens: names({ accept: needs.accept, listen: needs.listen }).join('+'),
  };
  const exit: AddExit = (syscalls, conditions, purpose) => {
    const known = syscalls.filter(name => syscallNumber(arch, name) !== undefined);
    if (known.length > 0) add('exit', [`-F arch=${bits}`, `-S ${known.join(',')}`, ...conditions], purpose);
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
