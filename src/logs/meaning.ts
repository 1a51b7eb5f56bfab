// What a message of sshd, su, sudo or PAM says plainly, and the fields that a message names. User names in it are an attacker's to
// choose, with spaces and all: patterns are anchored at both ends, so that the last address is the true one. Pure.

import type { AuditRecordEvent, Outcome } from '../core/event.ts';

export interface Meaning {
  readonly kind: AuditRecordEvent['kind'];
  readonly outcome?: Outcome;
  readonly target?: { readonly name?: string; readonly id?: number };
  readonly address?: string;
  readonly port?: number;
  readonly terminal?: string;
  readonly user?: string;
  /** Values by name, each as often as the message has it: which of two is true can't be told. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
}

export const NOTHING: Meaning = { kind: 'log_line' };

const SSHD_LOGIN =
  /^(Accepted|Failed) (\S{1,64}) for (invalid user )?(.{0,512}) from (\S{1,255}) port (\d{1,5})(?: ssh2(?:: .*)?)?$/s;
/** Each failure of keyboard-interactive over PAM; `Failed keyboard-interactive/pam` follows for some of them, and would count twice. */
const SSHD_PAM = /^error: PAM: .{1,128}? for (?:illegal user )?(.{0,512}) from (\S{1,255})$/s;
const SU_FAILED = /^FAILED SU \(to (.{1,256})\) (\S{1,256}) on (\S{1,64})$/s;
const SU_DONE = /^\(to (.{1,256})\) (\S{1,256}) on (\S{1,64})$/s;
/** As the shadow package's su says it. */
const SU_SHADOW = /^(FAILED|Successful) su for (.{1,256}) by (\S{1,256})$/s;
const SUDO = /^\s{0,8}(\S{1,256}) : (.*)$/s;
const PAM = /^(pam_[a-z0-9_]{1,32})\(([^():\s]{1,128}):([a-z_]{1,32})\): (.*)$/s;
const PAM_SESSION = /^session (opened|closed) for user (\S{1,256}?)(?:\(uid=(\d{1,10})\))?(?: by .*)?$/s;
const PAM_FAILURE = /^authentication failure; (.*)$/s;
const NEW_USER = /^new user: (.*)$/s;

/** Programs that tell a failed login themselves: PAM's line about it would count it twice. */
const TELL_THEMSELVES = new Set(['sshd', 'su', 'su-l', 'sudo', 'sudo-i']);

export function meaningOf(program: string | undefined, message: string): Meaning {
  const pam = PAM.exec(message);
  if (pam !== null) return ofPam(pam[2]!, pam[3]!, pam[4]!);
  switch (program?.toLowerCase()) {
    case 'sshd':
    case 'sshd-session':
    case 'sshd-auth':
      return ofSshd(message);
    case 'su':
      return ofSu(message);
    case 'sudo':
      return ofSudo(message);
    case 'useradd': {
      const list = NEW_USER.exec(message)?.[1];
      return list === undefined ? NOTHING : { ...NOTHING, fields: pairs(list.split(', ')) };
    }
    default:
      return NOTHING;
  }
}

function ofSshd(message: string): Meaning {
  const pam = SSHD_PAM.exec(message);
  if (pam !== null) {
    return { kind: 'login_failed', outcome: 'failure', target: { name: pam[1]! }, address: pam[2]! };
  }
  const login = SSHD_LOGIN.exec(message);
  if (login === null) return NOTHING;
  const [, word, method, , name, address, port] = login;
  const facts = { target: { name: name! }, address: address!, port: Number(port) };
  if (word === 'Accepted') return { kind: 'logged_in', outcome: 'success', ...facts };
  if (method === 'keyboard-interactive/pam') return { kind: 'log_line', ...facts };
  return { kind: 'login_failed', outcome: 'failure', ...facts };
}

function ofSu(message: string): Meaning {
  const failed = SU_FAILED.exec(message);
  const found = failed ?? SU_DONE.exec(message);
  if (found !== null) {
    const [, name, user, terminal] = found;
    return { ...suMeaning(failed === null, name!, user!), ...(terminal !== 'none' && { terminal: terminal! }) };
  }
  const shadow = SU_SHADOW.exec(message);
  return shadow === null ? NOTHING : suMeaning(shadow[1] === 'Successful', shadow[2]!, shadow[3]!);
}

function suMeaning(done: boolean, name: string, user: string): Meaning {
  return {
    kind: done ? 'logged_in' : 'login_failed',
    outcome: done ? 'success' : 'failure',
    target: { name },
    user,
  };
}

/** `alice : [why not ; ]TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id`. */
function ofSudo(message: string): Meaning {
  const found = SUDO.exec(message);
  if (found === null) return NOTHING;
  const [, user, text] = found;
  const parts = text!.split(' ; ');
  const problem = /^[A-Z]+=/.test(parts[0]!) ? undefined : parts.shift();
  const fields = pairs(parts);
  const command = parts.findIndex(part => part.startsWith('COMMAND='));
  if (command >= 0) fields.COMMAND = [parts.slice(command).join(' ; ').slice(8)];
  if (fields.COMMAND === undefined && fields.USER === undefined) return NOTHING;
  const password = problem !== undefined && /^\d{1,9} incorrect password attempts?$/.test(problem);
  const terminal = fields.TTY?.[0];
  const target = fields.USER?.[0];
  return {
    kind: password ? 'login_failed' : 'sudo_command',
    outcome: problem === undefined ? 'success' : 'failure',
    user: user!,
    ...(target !== undefined && { target: { name: target } }),
    ...(terminal !== undefined && terminal !== 'unknown' && { terminal }),
    fields,
  };
}

function ofPam(service: string, stage: string, text: string): Meaning {
  const session = stage === 'session' ? PAM_SESSION.exec(text) : null;
  if (session !== null) {
    const [, what, name, uid] = session;
    return {
      kind: what === 'opened' ? 'session_opened' : 'session_closed',
      target: { name: name!, ...(uid !== undefined && { id: Number(uid) }) },
    };
  }
  const failure = PAM_FAILURE.exec(text)?.[1];
  if (failure === undefined) return NOTHING;
  const fields = pamFields(failure);
  const one = (name: string): string | undefined => fields[name]?.[0];
  const [name, user, address, terminal] = [one('user'), one('ruser'), one('rhost'), one('tty')];
  const isTold = TELL_THEMSELVES.has(service);
  return {
    kind: isTold ? 'log_line' : 'login_failed',
    ...(!isTold && { outcome: 'failure' as const }),
    ...(name !== undefined && { target: { name } }),
    ...(user !== undefined && { user }),
    ...(address !== undefined && { address }),
    ...(terminal !== undefined && { terminal }),
    fields,
  };
}

/** `logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root`: the last one is the rest of the text. */
function pamFields(text: string): Record<string, string[]> {
  const at = text.indexOf(' user=');
  const before = at < 0 ? text : text.slice(0, at);
  const fields = pairs(before.split(' '));
  if (at >= 0 && text.length > at + 6) fields.user = [text.slice(at + 6)];
  return fields;
}

const NAME = /^([A-Za-z_]{1,32})=(.*)$/s;
const FIELDS_MAX = 64;

/** The `name=value` among `parts`; empty values say nothing. */
function pairs(parts: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  let left = FIELDS_MAX;
  for (const part of parts) {
    const found = NAME.exec(part);
    if (found === null || found[2] === '' || left-- === 0) continue;
    const [, name, value] = found;
    fields[name!] = [...(fields[name!] ?? []), value!];
  }
  return fields;
}
