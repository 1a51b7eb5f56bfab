// What a kernel audit rule is, apart from its text (parse.ts, format.ts) and its bytes (bytes.ts).

import type { NumberField, Operator, RuleAction, RuleList, StringField } from '../tables/rule-fields.ts';
import { KEY_SEPARATOR, MASK_WORDS } from '../tables/rule-fields.ts';

export type RuleField =
  /** `value` is the kernel's unsigned 32 bits: `exit=-13` is 4294967283. */
  | { readonly field: NumberField; readonly op: Operator; readonly value: number }
  /** `value` is text as core/text.ts has it: bytes that aren't UTF-8 are `\xNN`. Keys are joined by \x01. */
  | { readonly field: StringField; readonly op: Operator; readonly value: string };

export interface Rule {
  readonly list: RuleList;
  readonly action: RuleAction;
  /** To the front of the list (`-A`). Never set in rules read back from the kernel. */
  readonly prepend: boolean;
  /** Bit n of the 64 words is syscall (for `io_uring`: operation) n. Not to be changed. */
  readonly mask: Uint32Array;
  /** In the order the kernel tests them. */
  readonly fields: readonly RuleField[];
}

/** What the meaning of a rule's text depends on. */
export interface RuleContext {
  /** The AUDIT_ARCH_* value of the kernel: what `b64`, `b32` and names of syscalls without `-F arch` mean. */
  readonly arch: number;
  uid(name: string): number | undefined;
  gid(name: string): number | undefined;
  /** Decides whether `-w PATH` watches a file or a tree; false where there is nothing. */
  isDirectory(path: string): boolean;
}

export type Control =
  | { readonly name: 'enabled' | 'failure'; readonly value: 0 | 1 | 2 }
  | { readonly name: 'rate_limit' | 'backlog_limit' | 'backlog_wait_time'; readonly value: number }
  /** `-D`: delete all rules, or those whose key contains `key`. */
  | { readonly name: 'delete_all'; readonly key?: string }
  /** `-i`: go on after errors; `-c`: the same, but fail at the end. */
  | { readonly name: 'ignore_errors' | 'continue' }
  | { readonly name: 'loginuid_immutable' | 'reset_lost' | 'reset_backlog_wait_time_actual' };

export type Statement =
  | { readonly kind: 'add' | 'delete'; readonly rule: Rule }
  | { readonly kind: 'control'; readonly controls: readonly Control[] };

export function emptyMask(): Uint32Array {
  return new Uint32Array(MASK_WORDS);
}

/**
 * The top 16 bits stand for classes of syscalls: the kernel adds the members of those set to the mask, and clears them. auditctl sets
 * them for all syscalls; we don't, so that a rule's bytes are the same as those that the kernel gives back.
 */
const CLASS_WORD = MASK_WORDS - 1;
const CLASS_BITS = 0xffff0000;

/** All syscalls. */
export function fullMask(): Uint32Array {
  const mask = new Uint32Array(MASK_WORDS).fill(0xffffffff);
  mask[CLASS_WORD] = ~CLASS_BITS;
  return mask;
}

/** Whether a rule covers every syscall, as we and the kernel write it or as auditctl does. */
export function coversAll(mask: Uint32Array): boolean {
  return mask.every((word, i) => (i === CLASS_WORD ? (word | CLASS_BITS) >>> 0 : word) === 0xffffffff);
}

/** The numbers of the bits that are set. */
export function maskNumbers(mask: Uint32Array): number[] {
  const out: number[] = [];
  mask.forEach((word, at) => {
    for (let left = word; left !== 0; left &= left - 1) out.push(at * 32 + (31 - Math.clz32(left & -left)));
  });
  return out;
}

/** The keys of a rule, in order. */
export function ruleKeys(rule: Rule): string[] {
  return rule.fields.flatMap(f => (f.field === 'key' ? f.value.split(KEY_SEPARATOR) : [])).filter(key => key !== '');
}

/** Whether the kernel holds the two for the same rule: it refuses the second, and deletes the first when asked for the second. */
export function ruleEquals(a: Rule, b: Rule): boolean {
  return (
    a.list === b.list &&
    a.action === b.action &&
    a.fields.length === b.fields.length &&
    a.fields.every((f, i) => {
      const g = b.fields[i]!;
      return f.field === g.field && f.op === g.op && f.value === g.value;
    }) &&
    a.mask.every((word, i) => word === b.mask[i] || (i === CLASS_WORD && ((word ^ b.mask[i]!) & ~CLASS_BITS) === 0))
  );
}
