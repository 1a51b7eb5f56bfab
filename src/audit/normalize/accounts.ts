// What programs say of logins, sessions and accounts (USER_*, ADD_USER, …). Which record means what is data.

import type { AuditRecordObservation } from '../../core/observation.ts';
import type { Draft, Facts } from './facts.ts';

type Kind = AuditRecordObservation['kind'];

interface Meaning {
  /** What the record means where it says success, and where it says failure; undefined: an event without a kind of its own. */
  readonly success?: Kind;
  readonly failure?: Kind;
}

const always = (kind: Kind): Meaning => ({ success: kind, failure: kind });

const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [1100, { failure: 'login_failed' }], // USER_AUTH
  [1105, always('session_opened')], // USER_START
  [1106, always('session_closed')], // USER_END
  [1108, always('password_changed')], // USER_CHAUTHTOK
  [1112, { success: 'logged_in', failure: 'login_failed' }], // USER_LOGIN
  [1114, always('user_added')], // ADD_USER
  [1115, always('user_deleted')], // DEL_USER
  [1116, always('group_changed')], // ADD_GROUP
  [1117, always('group_changed')], // DEL_GROUP
  [1123, always('sudo_command')], // USER_CMD
  [1132, always('group_changed')], // GRP_MGMT
  [1133, always('group_changed')], // GRP_CHAUTHTOK
]);

/** Programs that write a failed USER_LOGIN for each failed USER_AUTH of theirs: the second is the one that counts. */
const LOGIN_PROGRAMS = /\/(?:sshd(?:-session|-auth)?|login|gdm-session-worker)$/;

/** What user programs write where they don't know the account, or don't want a password typed there to be logged. */
const NO_NAMES = new Set(['?', '(unknown)', '(unknown user)', '(invalid user)', '(none)', '(null)']);

export function isAccountRecord(type: number): boolean {
  return MEANINGS.has(type);
}

export function account(facts: Facts, type: number): AuditRecordObservation | undefined {
  const success = facts.success();
  const meaning = MEANINGS.get(type);
  const kind = refined(facts, type, success === false ? meaning?.failure : meaning?.success);
  if (kind === undefined) return undefined;
  const observation: Draft<AuditRecordObservation> = { kind, ...facts.outcomeBase() };
  const task = facts.task();
  if (task !== undefined) observation.task = task;
  const target = targetOf(facts);
  if (target !== undefined) observation.target = target;
  const address = facts.text('addr') ?? facts.text('hostname');
  if (address !== undefined && address !== 'UNKNOWN') observation.address = address;
  const terminal = facts.text('terminal');
  if (terminal !== undefined) observation.terminal = terminal;
  return observation;
}

/** shadow and others write one type for several things, told apart by `op`. */
function refined(facts: Facts, type: number, kind: Kind | undefined): Kind | undefined {
  if (kind === undefined) return undefined;
  const field = facts.at('op');
  const op = field === 0 ? '' : (facts.event.phrase(facts.record, field) ?? '').replaceAll('-', ' ');
  switch (type) {
    case 1100:
      return LOGIN_PROGRAMS.test(facts.decoded('exe') ?? '') ? undefined : kind;
    case 1108:
      return op === '' || /passw|chauthtok/i.test(op) ? kind : undefined;
    case 1114:
    case 1115:
      if (/\bgroup\b/.test(op)) return 'group_changed';
      return /\b(?:home|mail|lastlog|faillog|tallylog)\b/.test(op) ? undefined : kind;
    default:
      return kind;
  }
}

function targetOf(facts: Facts): AuditRecordObservation['target'] | undefined {
  const acct = facts.decoded('acct');
  const name = acct === undefined || acct === '' || NO_NAMES.has(acct) ? undefined : acct;
  const field = facts.at('id');
  const id = field === 0 ? undefined : facts.event.id(field);
  if (name === undefined) return id === undefined ? undefined : { id };
  return id === undefined ? { name } : { name, id };
}
