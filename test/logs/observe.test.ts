import { describe, expect, test } from 'bun:test';
import { parseEntry } from '../../src/logs/journal-entry.ts';
import { type LogObservation, LogObserver, lineEvents } from '../../src/logs/observe.ts';

const NOW = Date.UTC(2026, 10, 24, 8, 0, 0);
const one = (line: string): LogObservation => {
  const [observation] = lineEvents(line, NOW, undefined);
  return observation!;
};
/** What it says happened, in short. */
const said = (line: string) => {
  const { kind, outcome, target, address, terminal, log } = one(line);
  return [kind, outcome, target?.name, address, log.port, terminal, log.user];
};

describe('what messages say', () => {
  test('sshd', () => {
    expect(said('sshd[1]: Accepted publickey for root from 2001:db8::1 port 22 ssh2: RSA SHA256:x')).toEqual([
      'logged_in',
      'success',
      'root',
      '2001:db8::1',
      22,
      undefined,
      undefined,
    ]);
    expect(said('sshd-session[1]: Failed password for invalid user admin from 192.0.2.7 port 4242 ssh2')).toEqual([
      'login_failed',
      'failure',
      'admin',
      '192.0.2.7',
      4242,
      undefined,
      undefined,
    ]);
    expect(said('sshd[1]: Connection closed by 192.0.2.7 port 4242 [preauth]')[0]).toBe('log_line');
  });

  test('keyboard-interactive over PAM, which sshd may tell twice', () => {
    expect(
      said('sshd[1]: error: PAM: Authentication failure for illegal user x for y from 192.0.2.7').slice(0, 4),
    ).toEqual(['login_failed', 'failure', 'x for y', '192.0.2.7']);
    expect(said('sshd[1]: Failed keyboard-interactive/pam for root from 192.0.2.7 port 1 ssh2').slice(0, 4)).toEqual([
      'log_line',
      undefined,
      'root',
      '192.0.2.7',
    ]);
  });

  test('a user name that pretends to be an address', () => {
    const line =
      'sshd[1]: Failed password for invalid user x from 203.0.113.9 port 1 ssh2 from 192.0.2.7 port 4242 ssh2';
    expect(said(line).slice(2, 5)).toEqual(['x from 203.0.113.9 port 1 ssh2', '192.0.2.7', 4242]);
  });

  test('su', () => {
    expect(said('su[1]: FAILED SU (to root) alice on pts/1')).toEqual([
      'login_failed',
      'failure',
      'root',
      undefined,
      undefined,
      'pts/1',
      'alice',
    ]);
    expect(said('su[1]: (to root) alice on none')).toEqual([
      'logged_in',
      'success',
      'root',
      undefined,
      undefined,
      undefined,
      'alice',
    ]);
    expect(said('su[1]: Successful su for root by alice')[0]).toBe('logged_in');
  });

  test('sudo', () => {
    expect(said('sudo:    alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id')).toEqual([
      'sudo_command',
      'success',
      'root',
      undefined,
      undefined,
      'pts/0',
      'alice',
    ]);
    const wrong = 'sudo: alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh';
    expect(said(wrong).slice(0, 3)).toEqual(['login_failed', 'failure', 'root']);
    expect(
      said('sudo: bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh').slice(0, 2),
    ).toEqual(['sudo_command', 'failure']);
  });

  test('a folder’s name can add to what sudo says, and hide nothing of it', () => {
    const { log } = one(
      'sudo: alice : TTY=pts/0 ; PWD=/tmp/x ; USER=nobody ; COMMAND=/bin/true ; USER=#-1 ; COMMAND=/bin/sh',
    );
    expect(log.fields?.USER).toEqual(['nobody', '#-1']);
    expect(log.fields?.COMMAND?.[0]).toContain('/bin/sh');
  });

  test('PAM', () => {
    expect(said('CRON[3]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)').slice(0, 3)).toEqual(
      ['session_opened', undefined, 'root'],
    );
    expect(said('sshd[3]: pam_unix(sshd:session): session closed for user alice').slice(0, 3)).toEqual([
      'session_closed',
      undefined,
      'alice',
    ]);
    const failure = 'authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=root x';
    expect(said(`login[3]: pam_unix(login:auth): ${failure}`)).toEqual([
      'login_failed',
      'failure',
      'root x',
      undefined,
      undefined,
      '/dev/tty1',
      undefined,
    ]);
    // sshd says it itself: one failure is one event.
    expect(said(`sshd[3]: pam_unix(sshd:auth): ${failure}`)[0]).toBe('log_line');
  });

  test('joined equal lines are as many failures, within a bound', () => {
    const repeated = (n: number) =>
      lineEvents(
        `sshd[1]: message repeated ${n} times: [ Failed password for root from 192.0.2.7 port 1 ssh2]`,
        NOW,
        undefined,
      );
    expect(repeated(3).map(({ kind, ordinal }) => [kind, ordinal])).toEqual([
      ['login_failed', 0],
      ['login_failed', 1],
      ['login_failed', 2],
    ]);
    expect(repeated(999_999_999).length).toBe(64);
    expect(lineEvents('cron[1]: message repeated 9 times: [ tick]', NOW, undefined).length).toBe(1);
  });
});

describe('services', () => {
  const services = (line: string, path?: string) => {
    const observed = new LogObserver(16_384).line(line, { nowMs: NOW, ...(path !== undefined && { path }) });
    return typeof observed === 'string' ? observed : [...observed[0]!.log.services].sort();
  };
  test('by program, facility and file', () => {
    expect(services('sshd[1]: x')).toEqual(['auth', 'sshd', 'syslog']);
    expect(services('CRON[1]: x')).toEqual(['cron', 'syslog']);
    expect(services('<86>odd[1]: x')).toEqual(['auth', 'syslog']);
    expect(services('odd[1]: x')).toEqual(['syslog']);
    expect(services('Nov 24 07:40:13 web1 odd: x', '/var/log/auth.log.1')).toEqual(['auth', 'syslog']);
    expect(services('/tmp/x: Eicar FOUND', '/var/log/clamav/clamav.log')).toEqual(['clamav']);
  });
  test('the agent’s own words, and audit records, are left out', () => {
    expect(services('Nov 24 07:40:13 web1 puppy-hids[7]: {"rule":1}')).toBe('own');
    expect(services('Nov 24 07:40:13 web1 kernel: [ 1.5] audit: type=1300 audit(1.2:3): x')).toBe('audit');
  });
  test('a line of a test that names no program is of the rule’s service', () => {
    expect(lineEvents('x FOUND', NOW, 'clamav')[0]!.log.services).toContain('clamav');
    expect(lineEvents('sshd[1]: x FOUND', NOW, 'clamav')[0]!.log.services).not.toContain('clamav');
  });
});

describe('times and stamps', () => {
  const live = (line: string) => {
    const observed = new LogObserver(16_384).line(line, { nowMs: NOW, live: true });
    return typeof observed === 'string' ? undefined : observed[0];
  };
  test('a line that was just written is of now, whatever it says', () => {
    expect(live('2030-01-01T00:00:00Z web1 x: y')).toMatchObject({ timeMs: NOW, warnings: ['time_unlikely'] });
    expect(live('2026-11-24T02:00:00Z web1 x: y')).toMatchObject({ timeMs: NOW, warnings: ['time_unlikely'] });
    expect(live('2026-11-24T07:59:59Z web1 x: y')).toMatchObject({ timeMs: NOW - 1_000, warnings: [] });
  });
  test('the same line has the same stamp; equal lines of one time are told apart', () => {
    const stamps = (lines: string[]) => {
      const observer = new LogObserver(16_384);
      return lines.map(line => (observer.line(line, { nowMs: NOW }) as LogObservation[])[0]!.stamp);
    };
    const [a, b] = ['2026-11-24T07:00:00Z web1 x: a', '2026-11-24T07:00:00Z web1 x: b'];
    const first = stamps([a!, b!, a!, a!]);
    expect(new Set(first).size).toBe(4);
    expect(stamps([a!, b!, a!, a!])).toEqual(first);
  });
});

describe('the journal', () => {
  const observer = new LogObserver(64, 4242);
  const CURSOR = 's=1017a20a6f2e49c1a7e81c669f286e62;i=4;b=fdb37d345a3640ef968004a83dc36444;m=3d;t=66;x=92';
  const entry = (fields: Record<string, unknown>) => {
    const text = JSON.stringify({
      __CURSOR: CURSOR,
      __REALTIME_TIMESTAMP: '1795507296619829',
      _TRANSPORT: 'syslog',
      ...fields,
    });
    return observer.entry(parseEntry(text)!, NOW);
  };
  const first = (fields: Record<string, unknown>) => {
    const observed = entry(fields);
    return typeof observed === 'string' ? undefined : observed[0];
  };
  const LOGIN = {
    SYSLOG_IDENTIFIER: 'sshd',
    SYSLOG_FACILITY: '4',
    MESSAGE: 'Accepted password for root from 192.0.2.1 port 3 ssh2',
  };

  test('a login that sshd tells', () => {
    expect(
      first({ ...LOGIN, _PID: '77', _UID: '0', _EXE: '/usr/sbin/sshd', _HOSTNAME: 'web1', PRIORITY: '6' }),
    ).toMatchObject({
      kind: 'logged_in',
      timeMs: 1795507296619,
      address: '192.0.2.1',
      log: {
        program: 'sshd',
        pid: 77,
        hostname: 'web1',
        facility: 4,
        severity: 6,
        services: ['sshd', 'auth', 'syslog'],
        writer: { pid: 77, executable: '/usr/sbin/sshd' },
      },
    });
  });

  test('one that a user tells in its name', () => {
    for (const exe of [undefined, '/usr/bin/logger', '/home/bob/sshd', '/tmp/usr/sbin/sshd']) {
      expect(first({ ...LOGIN, _PID: '77', _UID: '1000', ...(exe !== undefined && { _EXE: exe }) })).toMatchObject({
        kind: 'log_line',
        warnings: ['program_unverified'],
        log: { services: ['syslog'] },
      });
    }
    // Any program of the user's own may say any facility.
    const logger = { SYSLOG_IDENTIFIER: 'logger', SYSLOG_FACILITY: '10', _UID: '1000', _EXE: '/usr/bin/logger' };
    expect(first({ ...logger, MESSAGE: 'pam_unix(sshd:session): session opened for user root' })).toMatchObject({
      kind: 'log_line',
      log: { services: ['syslog'] },
    });
  });

  test('set-uid programs log as their user', () => {
    const sudo = {
      SYSLOG_IDENTIFIER: 'sudo',
      _PID: '77',
      _UID: '1000',
      MESSAGE: 'bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id',
    };
    expect(first({ ...sudo, _EXE: '/usr/bin/sudo' })).toMatchObject({
      kind: 'sudo_command',
      log: { services: ['sudo', 'auth', 'syslog'] },
    });
    // Gone before the journal looked: its rules are asked, and no event is made of its words.
    expect(first(sudo)).toMatchObject({
      kind: 'log_line',
      warnings: ['program_unverified'],
      log: { services: ['sudo', 'auth', 'syslog'] },
    });
  });

  test('what is left out', () => {
    expect(entry({ MESSAGE: 'x', _PID: '4242', _UID: '0' })).toBe('own');
    expect(entry({ MESSAGE: 'x', SYSLOG_IDENTIFIER: 'puppy-hids', _UID: '0' })).toBe('own');
    expect(entry({ MESSAGE: 'SYSCALL arch=c000003e', _TRANSPORT: 'audit' })).toBe('audit');
  });

  test('bytes, several values, none, and too many', () => {
    expect(first({ MESSAGE: [97, 1, 98, 255] })?.log.message).toBe('a\u0001b\\xff');
    expect(first({ MESSAGE: ['one', 'two'] })?.log.message).toBe('one');
    expect(first({ MESSAGE: null })?.log.message).toBe('');
    expect(first({ MESSAGE: 'x'.repeat(100) })).toMatchObject({
      warnings: ['message_truncated', 'program_unverified'],
      log: { message: 'x'.repeat(64) },
    });
  });

  test('what is no entry', () => {
    for (const line of ['', '{', '[]', 'null', '{"MESSAGE":"x"}', `{"__CURSOR":"x","__REALTIME_TIMESTAMP":"-1"}`])
      expect(parseEntry(line)).toBeUndefined();
  });
});
