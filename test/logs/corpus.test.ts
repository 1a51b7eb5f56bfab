// SigmaHQ's rules over logs, where they lie beside the project: each value of each fires on a line of its service, and on no other's.

import { describe, expect, test } from 'bun:test';
import { lineEvents } from '../../src/logs/observe.ts';
import { type Item, type Rule, ruleItems } from '../../src/rules/ast.ts';
import { globText } from '../../src/rules/glob.ts';
import { loadRules } from '../../src/rules/load.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { hasSigma, RULES } from '../rules/helpers.ts';

const NOW = Date.UTC(2026, 10, 24);
const PROGRAM: Readonly<Record<string, string>> = {
  ...{
    sshd: 'sshd',
    sudo: 'sudo',
    auth: 'pkexec',
    cron: 'crontab',
    syslog: 'named',
    clamav: 'clamd',
    vsftpd: 'vsftpd',
  },
  guacamole: 'guacd',
};

/** The texts that one way to satisfy the rule's keywords needs. */
const textOf = (item: Item, index: number): string[] =>
  (item.all ? item.values : [item.values[index]!]).map(({ tests: [first] }) => {
    if (first!.op === 'word') return first!.text;
    if (first!.op !== 'glob') throw new Error(`a keyword of another kind: ${first!.op}`);
    return globText(first!.glob).replaceAll(/[*?]/g, 'x');
  });

describe.if(hasSigma)('rules over logs', () => {
  const loaded = loadRules(hasSigma ? [RULES] : []);
  const ruleset = compileRuleset(loaded.rules);
  const fires = (rule: Rule, line: string): boolean =>
    lineEvents(line, NOW, undefined).some(event => ruleset.evaluate(event).some(match => match.rule === rule.info));
  const overLogs = loaded.rules.filter((_, i) => ruleset.verdicts[i]!.needs.logs);
  const ofService = overLogs.filter(({ logsource }) => logsource.service !== undefined);

  test('all of them can fire', () => {
    expect([overLogs.length, ofService.length]).toEqual([27, 11]);
  });

  for (const rule of ofService) {
    const { service } = rule.logsource;
    const items = [...ruleItems(rule)].filter(item => item.field === undefined);
    test(`${service}: ${rule.info.title}`, () => {
      for (const item of items) {
        for (let i = 0; i < item.values.length; i++) {
          const text = textOf(item, i).join(' ');
          const program = PROGRAM[service!]!;
          expect(`${text}: ${fires(rule, `Nov 24 07:40:13 web1 ${program}[1]: a ${text} b`)}`).toBe(`${text}: true`);
          const isEverybodys = service === 'syslog';
          expect(fires(rule, `Nov 24 07:40:13 web1 bob[1]: ${program}[1]: a ${text} b`)).toBe(isEverybodys);
        }
      }
    });
  }

  test('sudo: the user as sudo logs it', () => {
    const rule = ofService.find(({ logsource }) => logsource.service === 'sudo')!;
    const line = (user: string): string => `sudo: bob : TTY=pts/0 ; PWD=/ ; USER=${user} ; COMMAND=/bin/id`;
    expect(['#-1', '#4294967295', '#1000', 'root'].map(user => fires(rule, line(user)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('rules of no service: whatever is logged', () => {
    const byTitle = (title: string): Rule => overLogs.find(({ info }) => info.title === title)!;
    const user = byTitle('Privileged User Has Been Created');
    expect(fires(user, 'useradd[1]: new user: name=x, UID=1000, GID=27, home=/home/x, shell=/bin/sh')).toBe(true);
    expect(fires(user, 'useradd[1]: new user: name=x, UID=1000, GID=1000, home=/home/x, shell=/bin/sh')).toBe(false);
    expect(fires(byTitle('Suspicious Log Entries'), 'kernel: [ 1.2] device eth0 entered promiscuous mode')).toBe(true);
  });
});
