// Credentials and logins, one object for each different set: a process's ids repeat those of its parent, and so do its names.

import { LRUCache } from 'lru-cache';
import type { Credentials, Identity, Login } from '../core/event.ts';
import type { TaskFacts } from '../core/observation.ts';
import type { HostFacts } from './facts.ts';

/** What credentials are made of: a task of an audit record, or a process of /proc. */
export type Ids = Pick<TaskFacts, 'uid' | 'euid' | 'suid' | 'fsuid' | 'gid' | 'egid' | 'sgid' | 'fsgid'>;

/** The account files are looked at no more often than this, by event time or tick. */
const USERS_CHECK_MS = 1_000;
const CREDENTIALS_MAX = 8_192;
const IDENTITIES_MAX = 8_192;
const LOGINS_MAX = 4_096;
const SESSIONS_MAX = 1_024;
const ID_LIMIT = 2 ** 26;

interface SessionFacts {
  terminal?: string;
  address?: string;
}

export class CredentialStore {
  readonly #facts: HostFacts;
  readonly #credentials = new LRUCache<number | string, Credentials>({ max: CREDENTIALS_MAX });
  readonly #users = new LRUCache<number, Identity>({ max: IDENTITIES_MAX });
  readonly #groups = new LRUCache<number, Identity>({ max: IDENTITIES_MAX });
  readonly #logins = new LRUCache<number | string, Login>({ max: LOGINS_MAX });
  readonly #sessions = new LRUCache<number, SessionFacts>({ max: SESSIONS_MAX });
  #checkedMs = Number.NEGATIVE_INFINITY;
  #generation: number | undefined;

  constructor(facts: HostFacts) {
    this.#facts = facts;
  }

  /** Forgets the names when the account files have changed. */
  refresh(timeMs: number): void {
    if (Math.abs(timeMs - this.#checkedMs) < USERS_CHECK_MS) return;
    this.#checkedMs = timeMs;
    const generation = this.#facts.refreshUsers();
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#credentials.clear();
    this.#users.clear();
    this.#groups.clear();
    this.#logins.clear();
  }

  credentials(ids: Ids): Credentials | undefined {
    const key = credentialsKey(ids);
    if (key === '') return undefined;
    let found = this.#credentials.get(key);
    if (found === undefined) {
      found = this.#make(ids);
      this.#credentials.set(key, found);
    }
    return found;
  }

  login(auid: number | undefined, session: number | undefined): Login | undefined {
    if (auid === undefined && session === undefined) return undefined;
    const key = loginKey(auid, session);
    let found = this.#logins.get(key);
    if (found === undefined) {
      found = {
        ...(auid !== undefined && { auid: this.user(auid) }),
        ...(session !== undefined && { session }),
        ...(session !== undefined && this.#sessions.get(session)),
      };
      this.#logins.set(key, found);
    }
    return found;
  }

  /** A record told where a login session came from. */
  noteSession(
    session: number,
    auid: number | undefined,
    terminal: string | undefined,
    address: string | undefined,
  ): void {
    if (terminal === undefined && address === undefined) return;
    const known = this.#sessions.get(session);
    const facts: SessionFacts = { ...known };
    if (terminal !== undefined) facts.terminal = terminal;
    if (address !== undefined) facts.address = address;
    this.#sessions.set(session, facts);
    if (known?.terminal !== facts.terminal || known?.address !== facts.address) {
      this.#logins.delete(loginKey(auid, session));
    }
  }

  /** Sessions are numbered from 1 again after a boot. */
  forgetSessions(): void {
    this.#sessions.clear();
    this.#logins.clear();
  }

  user(uid: number): Identity {
    let found = this.#users.get(uid);
    if (found === undefined) {
      const name = this.#facts.userName(uid);
      found = name === undefined ? { id: uid } : { id: uid, name };
      this.#users.set(uid, found);
    }
    return found;
  }

  group(gid: number): Identity {
    let found = this.#groups.get(gid);
    if (found === undefined) {
      const name = this.#facts.groupName(gid);
      found = name === undefined ? { id: gid } : { id: gid, name };
      this.#groups.set(gid, found);
    }
    return found;
  }

  #make(ids: Ids): Credentials {
    return {
      ...(ids.uid !== undefined && { uid: this.user(ids.uid) }),
      ...(ids.euid !== undefined && { euid: this.user(ids.euid) }),
      ...(ids.suid !== undefined && { suid: this.user(ids.suid) }),
      ...(ids.fsuid !== undefined && { fsuid: this.user(ids.fsuid) }),
      ...(ids.gid !== undefined && { gid: this.group(ids.gid) }),
      ...(ids.egid !== undefined && { egid: this.group(ids.egid) }),
      ...(ids.sgid !== undefined && { sgid: this.group(ids.sgid) }),
      ...(ids.fsgid !== undefined && { fsgid: this.group(ids.fsgid) }),
    };
  }
}

/** A number where all user ids are one and all group ids are one (nearly always), else a string; '' for no ids at all. */
function credentialsKey(i: Ids): number | string {
  const { uid, gid } = i;
  if (
    uid !== undefined &&
    gid !== undefined &&
    i.euid === uid &&
    i.suid === uid &&
    i.fsuid === uid &&
    i.egid === gid &&
    i.sgid === gid &&
    i.fsgid === gid &&
    uid < ID_LIMIT &&
    gid < ID_LIMIT
  ) {
    return uid * ID_LIMIT + gid;
  }
  const key = `${i.uid ?? ''},${i.euid ?? ''},${i.suid ?? ''},${i.fsuid ?? ''},${i.gid ?? ''},${i.egid ?? ''},${i.sgid ?? ''},${i.fsgid ?? ''}`;
  return key === ',,,,,,,' ? '' : key;
}

function loginKey(auid: number | undefined, session: number | undefined): number | string {
  return auid !== undefined && session !== undefined && auid < ID_LIMIT && session < ID_LIMIT
    ? auid * ID_LIMIT + session
    : `${auid ?? ''},${session ?? ''}`;
}
