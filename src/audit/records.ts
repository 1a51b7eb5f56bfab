// Audit records as rules and alerts read them: names as the audit project's field dictionary has them, values as text. Nothing is
// decoded before it is asked for.
//
// Every record gives its own fields as the kernel or user space wrote them, decoded; unset ids (4294967295) and `(null)` values are
// absent. On top of that:
//   SYSCALL, SECCOMP  `syscall` stays the number, `SYSCALL` is its name; `arch` stays hex, `ARCH` is its name
//   EXECVE            `argc`, and `a0` … joined from all EXECVE records
//   PATH              `name` absolute where the records allow, else absent and as `relative_name`; `nametype` also where old kernels
//                     wrote `objtype`
//   SOCKADDR          `saddr` stays hex; `saddr_fam`, `laddr`, `lport`, `path`, `nlnk-pid` as auditd's enriched logs name them
//   AVC               `seresult` and `seperms` (granted or denied, and what), as auparse(3) names them
// Several keys of one record stand in `key`, parted by 0x01 as the kernel does. What auditd adds to an enriched log (after 0x1d) isn't
// part of the record: the same event must read the same live and replayed.

import type { RecordView } from '../core/event.ts';
import { type AuditEvent, fieldText } from './event.ts';
import { KEY, keyIndex } from './keys.ts';
import { absoluteName, TOO_LONG, unplacedName } from './paths.ts';
import { parseSaddr, type Sockaddr } from './sockaddr.ts';
import { archName } from './tables/arches.ts';
import { recordTypeName } from './tables/record-types.ts';
import { syscallName } from './tables/syscalls.ts';

const TYPE = {
  login: 1006,
  syscall: 1300,
  path: 1302,
  sockaddr: 1306,
  execve: 1309,
  seccomp: 1326,
  proctitle: 1327,
  avc: 1400,
  userAvc: 1107,
};

const SLASH = 0x2f;
/** Longer argument lists are no use to who remembers fingerprints. */
const FINGERPRINT_MAX_BYTES = 1_024;

/** Ids whose unset value the kernel writes as 4294967295 (or -1). */
const IDS = new Set(
  'auid uid gid euid suid fsuid egid sgid fsgid ses ouid ogid obj_uid obj_gid oauid oses old-auid old-ses opid pid ppid sauid iuid igid'.split(
    ' ',
  ),
);

/** The views of an event's records, valid as long as the event is. */
export function recordViews(event: AuditEvent): readonly RecordView[] {
  const views: RecordView[] = new Array(event.recordCount);
  for (let i = 0; i < views.length; i++) views[i] = new AuditRecordView(event, i);
  return views;
}

class AuditRecordView implements RecordView {
  private readonly event: AuditEvent;
  private readonly index: number;
  private arguments: readonly string[] | undefined;
  /** Where what auditd appended begins, once that was looked for. */
  private enrichedFrom = -1;

  constructor(event: AuditEvent, index: number) {
    this.event = event;
    this.index = index;
  }

  get type(): string {
    return recordTypeName(this.event.type(this.index));
  }

  get(name: string): string | undefined {
    if (name === 'type') return this.type;
    switch (this.event.type(this.index)) {
      case TYPE.login: {
        // Kernels before 3.13: `login pid=1 uid=0 old auid=4294967295 new auid=0 old ses=4294967295 new ses=1`.
        const field = this.fields().find(each => this.fieldName(each) === name);
        return field === undefined ? undefined : this.value(name, field);
      }
      case TYPE.execve:
        return this.argument(name);
      case TYPE.syscall:
      case TYPE.seccomp:
        if (name === 'SYSCALL') return this.syscallName();
        if (name === 'ARCH') return this.archName();
        break;
      case TYPE.path:
        if (name === 'name') return absoluteName(this.event, this.index);
        if (name === 'nametype') return this.own('nametype') ?? this.own('objtype');
        if (name === 'relative_name') return unplacedName(this.event, this.index);
        if (name === 'objtype') return undefined;
        break;
      case TYPE.sockaddr: {
        const decoded = name === 'saddr' ? undefined : this.address().find(([key]) => key === name);
        if (decoded !== undefined) return decoded[1];
        break;
      }
      case TYPE.avc:
      case TYPE.userAvc:
        if (name === 'seresult') return this.decision()?.[0];
        if (name === 'seperms') return this.decision()?.[1];
        break;
    }
    return this.own(name);
  }

  *entries(): Generator<readonly [string, string]> {
    const type = this.event.type(this.index);
    if (type === TYPE.execve) {
      yield* this.argumentEntries();
      return;
    }
    const given = new Set<string>();
    for (const field of this.fields()) {
      const name = this.fieldName(field);
      // As for `get`, the first of a name counts: a sender can't replace what the kernel says of it.
      if (given.has(name)) continue;
      given.add(name);
      const value =
        type === TYPE.path && name === 'name' ? absoluteName(this.event, this.index) : this.value(name, field);
      if (value !== undefined) yield [name, value];
    }
    for (const name of DERIVED.get(type) ?? []) {
      const value = this.get(name);
      if (value !== undefined) yield [name, value];
    }
    if (type === TYPE.sockaddr) yield* this.address();
  }

  /** The record's own fields: neither `msg` as a whole, nor what auditd appended. */
  private fields(): number[] {
    const { event, index } = this;
    const end = this.end();
    const fields: number[] = [];
    event.forEachField(index, (key, field) => {
      if (event.valueOffset(field) >= end) return;
      if (key < 0 && event.fieldName(field) === 'msg') return;
      fields.push(field);
    });
    return fields;
  }

  private end(): number {
    if (this.enrichedFrom < 0) this.enrichedFrom = this.event.enrichedFrom(this.index);
    return this.enrichedFrom;
  }

  /** A field's name as kernels of today write it. */
  private fieldName(field: number): string {
    const { event } = this;
    const name = event.fieldName(field);
    switch (event.type(this.index)) {
      case TYPE.path:
        return name === 'objtype' ? 'nametype' : name;
      case TYPE.login:
        return event.isAfterWord(field, 'old') ? `old-${name}` : name;
      default:
        return name;
    }
  }

  private own(name: string): string | undefined {
    const { event, index } = this;
    const key = keyIndex(name);
    if (key !== undefined) {
      const field = event.fieldAt(index, key);
      return field < 0 || event.valueOffset(field) >= this.end() ? undefined : this.value(name, field);
    }
    const field = this.fields().find(each => event.fieldName(each) === name);
    return field === undefined ? undefined : this.value(name, field);
  }

  private value(name: string, field: number): string | undefined {
    const { event } = this;
    const text = fieldText(event, field);
    if (text === undefined || (text === TOO_LONG && event.isQuoted(field))) return undefined;
    // Programs quote what they don't know too.
    if (text === '?' && event.isNested(field)) return undefined;
    if (IDS.has(name)) return text === '4294967295' || text === '-1' ? undefined : text;
    if (name === 'key') return withoutPrefixes(text);
    if (name === 'op') return event.phrase(this.index, field);
    if (name === 'proctitle' && event.type(this.index) === TYPE.proctitle) return title(text);
    return text;
  }

  private argument(name: string): string | undefined {
    if (name === 'argc') return this.event.argc < 0 ? undefined : String(this.event.argc);
    if (!/^a(?:0|[1-9]\d{0,6})$/.test(name)) return undefined;
    return this.args()[Number(name.slice(1))];
  }

  private args(): readonly string[] {
    this.arguments ??= this.event.args() ?? [];
    return this.arguments;
  }

  /** Absent for records that differ in every event, and where a value comes from other records. */
  fingerprint(): string | undefined {
    const { event, index } = this;
    switch (event.type(index)) {
      case TYPE.execve:
        return event.argvBytes().length > FINGERPRINT_MAX_BYTES
          ? undefined
          : `${event.argc} ${event.argvBytes().latin1Slice()}`;
      case TYPE.path: {
        const name = event.fieldAt(index, KEY.name);
        // A relative one is joined with the event's CWD.
        if (name < 0 || !event.isQuoted(name) || event.firstByte(name) !== SLASH) return undefined;
        return event.textBytes(index).latin1Slice();
      }
      case TYPE.sockaddr:
        return event.textBytes(index).latin1Slice();
      default:
        return undefined;
    }
  }

  private *argumentEntries(): Generator<readonly [string, string]> {
    if (this.event.argc >= 0) yield ['argc', String(this.event.argc)];
    const args = this.args();
    for (let i = 0; i < args.length; i++) yield [`a${i}`, args[i]!];
  }

  private arch(): number | undefined {
    const field = this.event.fieldAt(this.index, KEY.arch);
    return field < 0 ? undefined : this.event.hex32(field);
  }

  private archName(): string | undefined {
    const arch = this.arch();
    return arch === undefined ? undefined : archName(arch);
  }

  private syscallName(): string | undefined {
    const arch = this.arch();
    const field = this.event.fieldAt(this.index, KEY.syscall);
    const number = field < 0 ? undefined : this.event.number(field);
    return arch === undefined || number === undefined ? undefined : syscallName(arch, number);
  }

  private address(): readonly (readonly [string, string])[] {
    const field = this.event.fieldAt(this.index, KEY.saddr);
    const address = field < 0 ? undefined : parseSaddr(this.event.raw(field));
    return address === undefined ? [] : addressFields(address);
  }

  /** `avc:  denied  { read write } for …` */
  private decision(): readonly [string, string] | undefined {
    const text = this.event.head(this.index, 512);
    const match = /\b(granted|denied)\s+\{ ?([^}]*?) ?\}/.exec(text);
    return match === null ? undefined : [match[1]!, match[2]!];
  }
}

/** Fields that a type's records give besides their own. */
const DERIVED: ReadonlyMap<number, readonly string[]> = new Map([
  [TYPE.syscall, ['ARCH', 'SYSCALL']],
  [TYPE.seccomp, ['ARCH', 'SYSCALL']],
  [TYPE.path, ['relative_name']],
  [TYPE.avc, ['seresult', 'seperms']],
  [TYPE.userAvc, ['seresult', 'seperms']],
]);

/** auditctl of some versions takes the `key=` of `-F key=NAME` into the key. */
function withoutPrefixes(keys: string): string {
  return keys.includes('key=') ? keys.replace(/(^|\x01)key=/g, '$1') : keys;
}

/** The arguments that a process shows in /proc/PID/cmdline, parted by spaces. A quoted `(null)` means that there are none. */
function title(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  const words = text.slice(0, end).replaceAll('\0', ' ');
  return words === '(null)' ? undefined : words;
}

function addressFields(address: Sockaddr): readonly (readonly [string, string])[] {
  const fields: [string, string][] = [['saddr_fam', address.family]];
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) fields.push([name, String(value)]);
  };
  switch (address.family) {
    case 'inet':
    case 'inet6':
      add('laddr', address.ip);
      add('lport', address.port);
      break;
    case 'unix':
      add('path', address.path);
      break;
    case 'netlink':
      add('nlnk-fam', 16);
      add('nlnk-pid', address.pid);
      add('nlnk-grp', address.groups);
      break;
    case 'packet':
      add('ifindex', address.ifindex);
      add('protocol', address.protocol);
      break;
    case 'vsock':
      add('cid', address.cid);
      add('lport', address.port);
      break;
    case 'alg':
      add('alg_type', address.type);
      add('alg_name', address.name);
      break;
    case 'other':
      fields.length = 0;
      add('saddr_fam', address.name ?? address.number);
      break;
  }
  return fields;
}
