// The rules stage over events as the pipeline gives them: field getters, streams, records, explanations.

import { describe, expect, test } from 'bun:test';
import type { HostEvent, NetworkEvent } from '../../src/core/event.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { connect, exec, record, rule } from './helpers.ts';

const matches = (selection: unknown, event: HostEvent, logsource?: object): boolean => {
  const parts = { detection: { sel: selection, condition: 'sel' } };
  return compileRuleset([rule(logsource === undefined ? parts : { ...parts, logsource })]).evaluate(event).length > 0;
};
const NETWORK = { category: 'network_connection', product: 'linux' };
const AUDITD = { product: 'linux', service: 'auditd' };

describe('process starts', () => {
  const event = exec(
    {
      pid: 42,
      executable: '/usr/bin/dash',
      invoked: ['/tmp/run.sh', '/bin/sh'],
      args: ['sh', '-c', 'id'],
      argsCount: 3,
      commandLine: 'sh -c id',
      cwd: '/tmp',
      comm: 'sh',
      tty: 'pts0',
      credentials: { uid: { id: 1000, name: 'jo' }, euid: { id: 0, name: 'root' }, gid: { id: 5 } },
      login: { auid: { id: 1000, name: 'jo' }, session: 3 },
      foreignRoot: true,
    },
    {
      pid: 41,
      executable: '/usr/bin/bash',
      commandLine: '-bash',
      invoked: ['/bin/bash'],
      credentials: { uid: { id: 1000, name: 'jo' } },
    },
  );

  test('any image candidate is enough, a negation means none', () => {
    for (const image of ['/usr/bin/dash', '/tmp/run.sh', '/bin/sh'])
      expect(matches({ Image: image }, event)).toBe(true);
    expect(matches({ Image: '/bin/bash' }, event)).toBe(false);
    expect(matches({ 'Image|neq': '/bin/sh' }, event)).toBe(false);
    expect(matches({ 'Image|neq': '/bin/zsh' }, event)).toBe(true);
    expect(matches({ 'ParentImage|endswith': '/bin/bash' }, event)).toBe(true);
    // ECS has the resolved path alone.
    expect(matches({ 'process.executable': '/bin/sh' }, event)).toBe(false);
  });

  test.each([
    ['CommandLine', 'sh -c id'],
    ['process.command_line', 'sh -c id'],
    ['CurrentDirectory', '/tmp'],
    ['User', 'jo'],
    ['user.id', 1000],
    ['process.user.name', 'root'],
    ['process.user.id', 0],
    ['process.real_group.id', 5],
    ['LogonId', 1000],
    ['TerminalSessionId', 3],
    ['ProcessId', 42],
    ['ParentProcessId', 41],
    ['ParentCommandLine', '-bash'],
    ['ParentUser', 'jo'],
    ['process.name', 'dash'],
    ['process.args', '-c'],
    ['process.args_count', 3],
    ['process.parent.executable', '/usr/bin/bash'],
    ['puppy.ancestors.executable', '/usr/bin/bash'],
    ['puppy.ancestors.name', 'bash'],
    ['puppy.login.name', 'jo'],
    ['puppy.process.comm', 'sh'],
    ['puppy.process.tty', 'pts0'],
    ['puppy.process.root', 'foreign'],
    ['puppy.process.invoked', '/bin/sh'],
    ['event.action', 'exec'],
  ])('%s is %p', (field, value) => {
    expect(matches({ [field]: value }, event)).toBe(true);
    expect(matches({ [field]: 'other' }, event)).toBe(false);
  });

  test('what is absent matches nothing, and its negation matches', () => {
    const bare = exec({});
    expect(matches({ User: '*' }, bare)).toBe(false);
    expect(matches({ User: null }, bare)).toBe(true);
    expect(matches({ 'User|exists': false }, bare)).toBe(true);
    expect(matches({ 'User|neq': 'root' }, bare)).toBe(true);
    expect(matches({ ParentImage: null }, bare)).toBe(true);
    expect(matches({ 'IntegrityLevel|exists': true }, bare)).toBe(false);
  });

  test('a process with no login reads LogonId 0', () => {
    expect(matches({ LogonId: 0 }, exec({}))).toBe(true);
    expect(matches({ LogonId: 0 }, event)).toBe(false);
  });

  test('keywords of a rule for all of Linux search the command line: words as words, the rest anywhere', () => {
    const line = (commandLine: string) => exec({ commandLine, executable: '/usr/bin/init' });
    const linux = { product: 'linux' };
    expect(matches(['init'], line('telinit 0'), linux)).toBe(false);
    expect(matches(['init'], line('git init'), linux)).toBe(true);
    expect(matches(['init'], line('x'), linux)).toBe(false);
    expect(matches(['/etc/ld.so.preload'], line('vi /etc/ld.so.preload~'), linux)).toBe(true);
    expect(matches(['wget * | SH'], line('x; wget http://a | sh -s'), linux)).toBe(true);
    expect(matches({ '|all': ['scp ', '@'] }, line('scp a b'), linux)).toBe(false);
    expect(matches({ '|all': ['scp ', '@'] }, line('scp a j@b'), linux)).toBe(true);
  });

  test('one empty list for all events that nothing matches', () => {
    const ruleset = compileRuleset([rule({ detection: { a: { Image: '/x' }, condition: 'a' } })]);
    expect(ruleset.evaluate(exec({}))).toBe(ruleset.evaluate(connect({})));
  });

  test('a match says which conditions held, with their values', () => {
    const detection = {
      img: { 'Image|endswith': ['/dash', '/sh'] },
      cli: { 'CommandLine|contains|all': [' -c', 'id'], 'User|neq': 'root' },
      filter: { CurrentDirectory: '/srv' },
      condition: 'img and cli and not filter',
    };
    const [match] = compileRuleset([rule({ detection })]).evaluate(event);
    expect(match?.rule).toMatchObject({ id: 'r1', title: 'a rule', level: 'high', file: 'test.yml' });
    expect(match?.conditions).toEqual([
      { selection: 'img', field: 'Image', modifier: 'endswith', pattern: '/dash', value: '/usr/bin/dash' },
      { selection: 'cli', field: 'CommandLine', modifier: 'contains|all', pattern: ' -c', value: 'sh -c id' },
      { selection: 'cli', field: 'CommandLine', modifier: 'contains|all', pattern: 'id', value: 'sh -c id' },
    ]);
  });

  test('matches come in order of loading', () => {
    const rules = ['b', 'a', 'c'].map(id =>
      rule({ id, detection: { a: { 'Image|contains': 'dash' }, condition: 'a' } }),
    );
    expect(
      compileRuleset(rules)
        .evaluate(event)
        .map(match => match.rule.id),
    ).toEqual(['b', 'a', 'c']);
  });
});

describe('connections', () => {
  const outgoing = connect(
    {
      source: { ip: '10.0.0.1', port: 5000 },
      destination: { ip: '::ffff:203.0.113.9', port: 4444 },
      family: 'ipv6',
      transport: 'tcp',
    },
    { executable: '/usr/bin/nc', invoked: ['/bin/nc'], commandLine: 'nc 203.0.113.9 4444' },
  );
  test.each([
    ['Initiated', 'true'],
    ['DestinationIp', '203.0.113.9'],
    ['DestinationIp|cidr', '203.0.113.0/24'],
    ['DestinationPort', 4444],
    ['DestinationPort|gte', 1024],
    ['SourceIp', '10.0.0.1'],
    ['SourcePort', 5000],
    ['Protocol', 'tcp'],
    ['Image|endswith', '/bin/nc'],
    ['CommandLine|contains', '4444'],
    ['network.direction', 'egress'],
  ])('%s: %p', (field, value) => expect(matches({ [field]: value }, outgoing, NETWORK)).toBe(true));

  test('accepted ones aren’t initiated; binding and listening are no connections', () => {
    const kinds = (kind: NetworkEvent['kind'], initiated: string): boolean =>
      matches({ Initiated: initiated }, connect({ kind, destination: { port: 22 } }), NETWORK);
    expect([kinds('accept', 'false'), kinds('accept', 'true')]).toEqual([true, false]);
    expect([kinds('bind', 'false'), kinds('listen', 'false')]).toEqual([false, false]);
  });

  test('an address that was only tried is no connection', () => {
    expect(matches({ Initiated: 'true' }, { ...outgoing, warnings: ['no_packet'] }, NETWORK)).toBe(false);
  });

  test('a rule for process starts sees no connection', () => {
    expect(matches({ 'Image|endswith': '/nc' }, outgoing)).toBe(false);
  });
});

describe('single records', () => {
  const call = (name: string, more: Record<string, string> = {}) =>
    record('SYSCALL', { syscall: '59', SYSCALL: name, a0: '26', exe: '/usr/bin/x', success: 'yes', ...more });
  const withRecords = (...records: ReturnType<typeof record>[]) => exec({}, undefined, records);

  test('selections of a rule hold on one and the same record', () => {
    const event = withRecords(call('execve'), record('EXECVE', { argc: '2', a0: 'wget', a1: '--post-file=x' }));
    expect(matches({ type: 'EXECVE', a0: 'wget', 'a1|startswith': '--post-file=' }, event, AUDITD)).toBe(true);
    expect(matches({ type: 'SYSCALL', a0: 'wget' }, event, AUDITD)).toBe(false);
    expect(matches({ SYSCALL: 'execve', 'a1|contains': 'post' }, event, AUDITD)).toBe(false);
  });

  test('an argument of a system call is its hexadecimal text', () => {
    expect(matches({ type: 'SYSCALL', SYSCALL: 'socket', a0: 26 }, withRecords(call('socket')), AUDITD)).toBe(true);
    expect(matches({ type: 'SYSCALL', SYSCALL: 'socket', a0: 38 }, withRecords(call('socket')), AUDITD)).toBe(false);
  });

  test('a system call has its name under either key, and its number', () => {
    for (const syscall of ['execve', 59]) expect(matches({ syscall }, withRecords(call('execve')), AUDITD)).toBe(true);
  });

  test('types are compared as all values are, regardless of case; rules without a type see every record', () => {
    const event = withRecords(record('EXECVE', { a0: 'cp' }), record('LOGIN', { 'old-auid': '4', note: 'evil thing' }));
    expect(matches({ type: 'execve', a0: 'cp' }, event, AUDITD)).toBe(true);
    expect(matches(['evil thing'], event, AUDITD)).toBe(true);
    expect(matches({ 'type|startswith': 'LOG' }, event, AUDITD)).toBe(true);
  });

  test('keywords search the values of one record, never several joined', () => {
    const event = withRecords(
      record('EXECVE', { argc: '2', a0: 'dd', a1: 'if=/dev/sda' }),
      record('CWD', { cwd: '/of=' }),
    );
    const keywords = (words: string[]) => ({ k: { '|all': words }, s: { type: 'EXECVE' }, condition: 'k and s' });
    const fires = (words: string[]): boolean =>
      compileRuleset([rule({ logsource: AUDITD, detection: keywords(words) })]).evaluate(event).length > 0;
    expect([fires(['dd', 'if=']), fires(['dd', 'of=']), fires(['dd if='])]).toEqual([true, false, false]);
  });

  test('the event’s own fields go with those of any of its records', () => {
    const event = exec({ executable: '/usr/bin/x', commandLine: 'x -v' }, undefined, [record('CWD', { cwd: '/tmp' })]);
    expect(matches({ type: 'CWD', cwd: '/tmp', 'process.executable': '/usr/bin/x' }, event, AUDITD)).toBe(true);
    expect(matches({ type: 'CWD', 'CommandLine|contains': '-v' }, event, AUDITD)).toBe(true);
    expect(matches({ type: 'CWD', 'CommandLine|contains': '-w' }, event, AUDITD)).toBe(false);
  });

  test('each of several keys counts', () => {
    const event = withRecords(call('connect', { key: 'mine\x01susp_activity' }));
    expect(matches({ key: 'susp_activity' }, event, AUDITD)).toBe(true);
    const ruleChange = withRecords(record('CONFIG_CHANGE', { op: 'add_rule', key: 'mine\x01susp_activity' }));
    expect(matches({ key: 'susp_activity' }, ruleChange, AUDITD)).toBe(false);
    expect(matches({ type: 'CONFIG_CHANGE', key: 'susp_activity' }, ruleChange, AUDITD)).toBe(true);
    expect(matches({ key: 'susp' }, event, AUDITD)).toBe(false);
  });

  test('a match names its records', () => {
    const path = (item: string, name: string) => record('PATH', { item, name, nametype: 'CREATE' });
    const event = withRecords(
      call('openat', { a2: '241' }),
      path('0', '/etc/audit/a'),
      path('1', '/tmp/b'),
      path('2', '/etc/audit/c'),
    );
    const rules = [
      rule({ logsource: AUDITD, detection: { s: { type: 'PATH', name: '/etc/audit/*' }, condition: 's' } }),
    ];
    const [match] = compileRuleset(rules).evaluate(event);
    expect(match?.records).toEqual([1, 3]);
    expect(match?.conditions.map(one => one.value)).toEqual(['PATH', '/etc/audit/a']);
  });

  test('one event gives matches of the event’s and of its records’ rules', () => {
    const event = exec({ executable: '/bin/nc' }, undefined, [record('EXECVE', { a0: 'nc' })]);
    const rules = [
      rule({ id: 'e', detection: { s: { 'Image|endswith': '/nc' }, condition: 's' } }),
      rule({ id: 'r', logsource: AUDITD, detection: { s: { type: 'EXECVE', a0: 'nc' }, condition: 's' } }),
    ];
    expect(
      compileRuleset(rules)
        .evaluate(event)
        .map(match => match.rule.id),
    ).toEqual(['e', 'r']);
  });

  describe('a file name means', () => {
    const path = record('PATH', { item: '0', name: '/etc/.x', nametype: 'NORMAL' });
    const fires = (extra: object, id: string, ...records: ReturnType<typeof record>[]): boolean => {
      const detection = { s: { type: 'PATH', name: '/etc/.x' }, condition: 's' };
      return (
        compileRuleset([rule({ id, logsource: AUDITD, detection, extra })]).evaluate(withRecords(...records)).length > 0
      );
    };
    const READ = { tags: ['attack.discovery'] };
    const read = call('openat', { a2: '80000' });
    const write = call('openat', { a2: '80241' });

    test('a write', () => {
      expect([fires({}, 'x', write, path), fires({}, 'x', read, path)]).toEqual([true, false]);
      for (const name of ['rename', 'unlinkat', 'fchmodat', 'truncate', 'lsetxattr']) {
        expect(fires({}, 'x', call(name), path)).toBe(true);
      }
      expect([
        fires({}, 'x', call('open', { a1: '1' }), path),
        fires({}, 'x', call('open', { a1: '0' }), path),
      ]).toEqual([true, false]);
      expect(fires({}, 'x', call('newfstatat'), path)).toBe(false);
      expect(fires({}, 'x', call('execve'), path)).toBe(false);
      const created = record('PATH', { item: '0', name: '/etc/.x', nametype: 'CREATE' });
      expect(fires({}, 'x', read, created)).toBe(true);
    });

    test('a read, for rules about discovery', () => {
      expect([fires(READ, 'x', read, path), fires(READ, 'x', call('unlink'), path)]).toEqual([true, false]);
      expect(fires(READ, 'x', call('execve'), path)).toBe(false);
    });

    test('an execution or any access, for rules that are known to mean it', () => {
      const hidden = '9e1bef8d-0fff-46f6-8465-9aa54e128c1e';
      expect([fires({}, hidden, call('execve'), path), fires({}, hidden, write, path)]).toEqual([true, false]);
      const bpfdoor = '808146b2-9332-4d78-9416-d7e47012d83d';
      expect([fires({}, bpfdoor, read, path), fires({}, bpfdoor, write, path)]).toEqual([true, true]);
    });

    test('what can’t be told excludes nothing', () => {
      expect(fires({}, 'x', path)).toBe(true);
      expect(fires({}, 'x', call('openat2'), path)).toBe(true);
    });

    test('what the rule’s own nametype says', () => {
      const detection = { s: { type: 'PATH', nametype: 'NORMAL' }, condition: 's' };
      expect(compileRuleset([rule({ logsource: AUDITD, detection })]).evaluate(withRecords(read, path)).length).toBe(1);
    });
  });
});

describe('needs', () => {
  const needs = (logsource: object, detection: object) => compileRuleset([rule({ logsource, detection })]).needs;
  test('of connections only the wanted direction', () => {
    const connection = { 'DestinationPort|gt': 1 };
    expect(needs(NETWORK, { s: connection, condition: 's' })).toMatchObject({
      exec: false,
      connect: true,
      accept: true,
    });
    expect(needs(NETWORK, { s: { Initiated: 'true' }, condition: 's' })).toMatchObject({
      connect: true,
      accept: false,
    });
    expect(needs(NETWORK, { s: { Initiated: false }, condition: 's' })).toMatchObject({ connect: false, accept: true });
  });
  test('failed executions only where a rule asks', () => {
    const failed = { s: { type: 'SYSCALL', SYSCALL: 'execve', success: 'no' }, condition: 's' };
    expect(needs(AUDITD, failed)).toMatchObject({ exec: true, execFailed: true });
  });
  test('nothing for a rule that can’t fire', () => {
    expect(needs({ category: 'file_event' }, { s: { TargetFilename: '/x' }, condition: 's' }).exec).toBe(false);
  });
});
