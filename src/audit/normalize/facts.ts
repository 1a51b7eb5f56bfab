// What the families read an event through: one record's fields found in one pass, and the parts that all observations have.
// Only one Facts is in use at a time: the places of its fields are kept in one array.

import type { Outcome } from '../../core/event.ts';
import type { ObservationBase, TaskFacts } from '../../core/observation.ts';
import { type AuditEvent, FLAG } from '../event.ts';
import { KEY, KEYS, type Key } from '../keys.ts';
import { TOO_LONG } from '../paths.ts';
import { recordViews } from '../records.ts';
import { errnoName } from '../tables/errnos.ts';

export type Draft<T> = { -readonly [K in keyof T]: T[K] };

const NO_WARNINGS: readonly string[] = [];
const INCOMPLETE: readonly string[] = ['incomplete'];
const slots = new Int32Array(KEYS.length);

export class Facts {
  readonly event: AuditEvent;
  readonly createdMs: number;
  /** The record that says what happened, whose fields these are. */
  readonly record: number;
  private warnings: readonly string[];

  constructor(event: AuditEvent, createdMs: number, record: number, isIncomplete: boolean) {
    this.event = event;
    this.createdMs = createdMs;
    this.record = record;
    this.warnings = isIncomplete ? INCOMPLETE : NO_WARNINGS;
    event.locate(record, slots);
    if (event.flags & FLAG.continuation) this.warn('late_records');
    if (event.flags & FLAG.recordsDropped) this.warn('records_dropped');
  }

  warn(code: string): void {
    if (!this.warnings.includes(code)) this.warnings = [...this.warnings, code];
  }

  /** Where a field is, 0 where the record hasn't got it. */
  at(key: Key): number {
    return slots[KEY[key]]!;
  }
  number(key: Key): number | undefined {
    const field = slots[KEY[key]]!;
    return field === 0 ? undefined : this.event.number(field);
  }
  /** An id that the kernel wrote; unset ones are absent. What user space says in `msg` is of other tasks. */
  id(key: Key): number | undefined {
    const field = slots[KEY[key]]!;
    return field === 0 || this.event.isNested(field) ? undefined : this.event.id(field);
  }
  hex32(key: Key): number | undefined {
    const field = slots[KEY[key]]!;
    return field === 0 ? undefined : this.event.hex32(field);
  }
  text(key: Key): string | undefined {
    const field = slots[KEY[key]]!;
    return field === 0 ? undefined : this.event.text(field);
  }
  decoded(key: Key): string | undefined {
    const field = slots[KEY[key]]!;
    return field === 0 ? undefined : this.event.decoded(field);
  }
  /** `success=yes`, `res=success`, `res=1`, `result=failed`; undefined where the record doesn't tell. */
  success(): boolean | undefined {
    const field = slots[KEY.success] || slots[KEY.res] || slots[KEY.result];
    if (!field) return undefined;
    switch (this.event.firstByte(field)) {
      case 0x79: // yes
      case 0x73: // success
      case 0x31: // 1
        return true;
      case 0x6e: // no
      case 0x66: // failed
      case 0x30: // 0
        return false;
      default:
        return undefined;
    }
  }

  /** The negated `exit` of a failed syscall. */
  errno(): number | undefined {
    const exit = this.number('exit');
    return exit !== undefined && exit < 0 && exit > -4096 ? -exit : undefined;
  }

  /** {@link base} of a kind, to be filled; the fields that all of the kind have are the caller's to set. */
  observation<T extends ObservationBase & { readonly kind: string }>(kind: T['kind']): Draft<T> {
    // Set, not spread: a copy of the object costs more than making it.
    const observation = this.base() as Draft<T>;
    observation.kind = kind;
    return observation;
  }

  /** What every observation has. Call it last, for the warnings. */
  base(): Draft<ObservationBase> {
    const { event } = this;
    return {
      module: 'audit',
      timeMs: event.timeMs,
      createdMs: this.createdMs,
      stamp: event.stamp,
      ordinal: event.flags & FLAG.continuation ? 1 : 0,
      sequence: event.serial,
      warnings: this.warnings,
      records: recordViews(event),
    };
  }

  /** {@link base} with the outcome that the record's own success and exit fields tell. */
  outcomeBase(): Draft<ObservationBase> {
    const base = this.base();
    const success = this.success();
    if (success !== undefined) this.setOutcome(base, success ? 'success' : 'failure');
    return base;
  }

  setOutcome(base: Draft<ObservationBase>, outcome: Outcome): void {
    base.outcome = outcome;
    if (outcome === 'success') return;
    const errno = this.errno();
    const code = errno === undefined ? undefined : errnoName(errno);
    if (code !== undefined) base.errorCode = code;
  }

  /** The task that the record speaks of; undefined where it names no pid. */
  task(): TaskFacts | undefined {
    const pid = this.id('pid');
    if (pid === undefined) return undefined;
    const task: Draft<TaskFacts> = { pid };
    const ppid = this.id('ppid');
    if (ppid !== undefined) task.ppid = ppid;
    const uid = this.id('uid');
    if (uid !== undefined) task.uid = uid;
    const euid = this.id('euid');
    if (euid !== undefined) task.euid = euid;
    const suid = this.id('suid');
    if (suid !== undefined) task.suid = suid;
    const fsuid = this.id('fsuid');
    if (fsuid !== undefined) task.fsuid = fsuid;
    const gid = this.id('gid');
    if (gid !== undefined) task.gid = gid;
    const egid = this.id('egid');
    if (egid !== undefined) task.egid = egid;
    const sgid = this.id('sgid');
    if (sgid !== undefined) task.sgid = sgid;
    const fsgid = this.id('fsgid');
    if (fsgid !== undefined) task.fsgid = fsgid;
    const auid = this.id('auid');
    if (auid !== undefined) task.auid = auid;
    const session = this.id('ses');
    if (session !== undefined) task.session = session;
    const tty = this.text('tty');
    if (tty !== undefined) task.tty = tty;
    const comm = this.decoded('comm');
    if (comm !== undefined) task.comm = comm;
    const exe = this.decoded('exe');
    if (exe === TOO_LONG) this.warn('exe_too_long');
    else if (exe !== undefined) task.exe = exe;
    return task;
  }
}
