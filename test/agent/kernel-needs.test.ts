import { describe, expect, test } from 'bun:test';
import { type KernelRulesOptions, kernelNeeds, wantedRules } from '../../src/kernel-needs.ts';
import { type Needs, NO_NEEDS } from '../../src/rules/needs.ts';
import { host } from './host.ts';

const HOST = host('/etc/passwd');
const OPTIONS: KernelRulesOptions = {
  pid: 7,
  needs: kernelNeeds(NO_NEEDS, false, HOST),
  texts: [],
  context: HOST,
  keep: new Set(),
};

const rulesFor = (needs: Needs): string[] =>
  wantedRules({ ...OPTIONS, needs: kernelNeeds(needs, false, HOST) }, true, 'own').map(({ text }) => text);

const excluded = (options: Partial<KernelRulesOptions>, mode: 'own' | 'share'): string[] =>
  wantedRules({ ...OPTIONS, ...options }, true, mode)
    .map(({ text }) => text)
    .filter(text => text.includes('exclude'));

describe('records that are spared', () => {
  test('only where the agent owns the audit pid', () => {
    expect(excluded({}, 'own')).toEqual([
      '-a always,exclude -F msgtype=PROCTITLE',
      '-a always,exclude -F msgtype=BPRM_FCAPS',
    ]);
    expect(excluded({}, 'share')).toEqual([]);
  });
  test('not what a rule wants', () =>
    expect(excluded({ keep: new Set(['PROCTITLE']) }, 'own')).toEqual(['-a always,exclude -F msgtype=BPRM_FCAPS']));
  test('none beside rules of the configuration', () =>
    expect(excluded({ texts: ['-w /etc/shadow -p wa -k x'] }, 'own')).toEqual([]));
});

describe('rules of the configuration', () => {
  test('are added after our own, with names of this host', () => {
    const texts = ['-a always,exit -F arch=b64 -S openat -F uid=root -k opened'];
    const rules = wantedRules({ ...OPTIONS, texts }, true, 'own');
    expect(rules.at(-1)!.text).toBe(texts[0]!);
    expect(rules.at(-1)!.rule.fields).toContainEqual({ field: 'uid', op: '=', value: 0 });
  });
});

describe('kernelNeeds', () => {
  test('asks for connections and ends of processes only where something wants them', () => {
    expect(kernelNeeds({ ...NO_NEEDS, connect: true }, false, HOST)).toMatchObject({
      exec: true,
      rootChanges: true,
      connect: true,
      accept: false,
      exit: false,
      bind: false,
    });
    expect(kernelNeeds(NO_NEEDS, true, HOST)).toMatchObject({
      exec: true,
      connect: true,
      accept: true,
      bind: true,
      listen: true,
      exit: true,
    });
  });

  test('asks for no processes where only logs and records of programs are looked at', () => {
    const needs = { ...NO_NEEDS, logs: true, recordTypes: ['ADD_USER'] };
    expect(kernelNeeds(needs, false, HOST)).toMatchObject({ exec: false, rootChanges: false });
    expect(rulesFor(needs)).toEqual([
      '-a always,exclude -F msgtype=PROCTITLE',
      '-a always,exclude -F msgtype=BPRM_FCAPS',
    ]);
  });

  test('a file or a call asks for the processes that it happened in', () => {
    const call = { names: ['mount'], conditions: [], keys: [] };
    expect(kernelNeeds({ ...NO_NEEDS, calls: [call] }, false, HOST)).toMatchObject({ exec: true, rootChanges: true });
    expect(
      kernelNeeds({ ...NO_NEEDS, files: [{ path: '/etc/x', access: 'write' }] }, false, host('/etc/passwd')),
    ).toMatchObject({
      exec: true,
      watches: [{ kind: 'path', path: '/etc/x', perm: 'wa' }],
    });
  });
});

describe('who writes to watched files', () => {
  const HOST = host(
    '/etc/passwd',
    '/etc/cron.d/',
    '/home/alice/.ssh/x',
    '/usr/bin/x',
    '/var/www -> /srv/www',
    '/srv/www/a',
  );
  const ask = (...patterns: readonly string[]) => {
    const notes: string[] = [];
    const needs = kernelNeeds(NO_NEEDS, false, HOST, text => notes.push(text), patterns);
    return { notes: notes.join(), needs, watches: needs.who!.map(({ kind, path, perm }) => `${kind} ${path} ${perm}`) };
  };
  test.each<[string, string[]]>([
    ['/etc/**', ['dir /etc wa']],
    ['/etc', ['dir /etc wa']],
    ['/etc/passwd', ['path /etc/passwd wa']],
    ['/etc/cron.*/**', ['dir /etc/cron.d wa']],
    ['/etc/**/authorized_keys', ['dir /etc wa']],
    ['/home/*/.ssh/**', ['dir /home/alice/.ssh wa']],
    ['/var/www/**', ['dir /srv/www wa']],
    ['/usr/**', ['dir /usr wa']],
    ['/**', []],
  ])('%s', (pattern, expected) => expect(ask(pattern).watches).toEqual(expected));

  test('what costs much is told', () => {
    expect(ask('/usr/**').notes).toContain('every change below /usr becomes an event');
    expect(ask('/**').notes).toContain("isn't watched");
  });
  test('they write in processes', () => expect(ask('/etc/**').needs).toMatchObject({ exec: true, rootChanges: true }));
  test('beside an audit daemon they aren’t asked for', () => {
    const { needs } = ask('/etc/**');
    const notes: string[] = [];
    const rules = (mode: 'own' | 'share') =>
      wantedRules({ ...OPTIONS, needs, note: text => notes.push(text) }, true, mode).filter(({ isLast }) => isLast);
    expect(rules('own')).toHaveLength(2);
    expect(notes).toEqual([]);
    expect(rules('share')).toEqual([]);
    expect(notes.join()).toContain("audit daemon's log");
  });
});
