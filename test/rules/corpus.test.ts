// SigmaHQ's Linux rules, where they lie beside the project: all load, each has its verdict, and those that are fed do fire.

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadRules } from '../../src/rules/load.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { hasSigma, RULES, SIGMA } from './helpers.ts';
import { eventFor, valuesFor, ways } from './satisfy.ts';

/** Path and feed of each row: the first column has no comma, the feed is found by its words. */
function feeds(): Map<string, string> {
  const rows = readFileSync(join(SIGMA, 'rules-linux.csv'), 'utf8').trim().split('\n').slice(1);
  return new Map(rows.map(row => [row.slice(0, row.indexOf(',')), row]));
}

describe.if(hasSigma)('the corpus', () => {
  const loaded = hasSigma ? loadRules([RULES]) : loadRules([]);
  const ruleset = compileRuleset(loaded.rules);
  const feed = hasSigma ? feeds() : new Map<string, string>();
  const rowOf = (file: string): string => feed.get(relative(RULES, file)) ?? '';
  const rows = ruleset.verdicts.map((verdict, i) => ({
    verdict,
    rule: loaded.rules[i]!,
    row: rowOf(verdict.rule.file),
  }));

  test('all 259 files load without an error', () => {
    expect(loaded.problems.filter(problem => problem.severity === 'error')).toEqual([]);
    expect([loaded.files, loaded.rules.length, loaded.rejected]).toEqual([259, 259, 0]);
  });

  test('no field of a fed logsource is unknown', () => {
    expect(loaded.problems.filter(problem => problem.code === 'unknown-field')).toEqual([]);
  });

  test('verdicts are those of the table', () => {
    const exec = rows.filter(({ row }) => row.includes(',yes:exec'));
    expect(exec.length).toBe(142);
    expect(exec.filter(({ verdict }) => verdict.stream !== 'exec' || !verdict.canFire)).toEqual([]);
    const network = rows.filter(({ row }) => row.includes(',yes:connect'));
    expect(network.map(({ verdict }) => verdict.stream)).toEqual(Array.from({ length: 5 }, () => 'network'));
    const never = rows.filter(({ row }) => row.includes(',never (upstream bug)'));
    expect(never.map(({ verdict }) => verdict.reason)).toEqual(
      Array.from({ length: 2 }, () => 'Windows backslash in a Linux path'),
    );
    const audit = rows.filter(({ row }) => /,"?yes:audit/.test(row));
    expect(audit.length).toBe(54);
    expect(audit.filter(({ verdict }) => verdict.stream !== 'record' || !verdict.canFire)).toEqual([]);
    const log = rows.filter(({ row }) => row.includes(',no: log source'));
    expect(log.filter(({ verdict }) => verdict.stream !== 'log' || !verdict.canFire || !verdict.needs.logs)).toEqual(
      [],
    );
    const file = rows.filter(({ row }) => row.includes(',yes:file'));
    expect(file.length).toBe(18);
    expect(
      file.filter(({ verdict }) => verdict.stream !== 'file_event' || !verdict.canFire || !verdict.needs.fsnotify),
    ).toEqual([]);
    // The table is of rules that need Linux; those of DNS are for any system.
    const dns = rows.filter(({ row }) => row === '');
    expect(dns.length).toBe(11);
    expect(dns.filter(({ verdict }) => verdict.stream !== 'dns' || !verdict.canFire || !verdict.needs.dns)).toEqual([]);
    const keyword = rows.filter(({ row }) => row.includes(',part: keyword'));
    expect(keyword.length).toBe(16);
    expect(keyword.filter(({ verdict }) => verdict.stream !== 'exec' || !verdict.canFire)).toEqual([]);
    const all = [exec, network, never, audit, log, file, dns, keyword];
    expect(all.reduce((sum, { length }) => sum + length, 0)).toBe(259);
  });

  test('three of the five rules over connections need the names that DNS gave', () => {
    const named = rows.filter(({ verdict }) => verdict.stream === 'network' && verdict.needs.dns);
    expect(named.map(({ verdict }) => verdict.canFire)).toEqual([true, true, true]);
  });

  const firing = rows.filter(({ row }) => row === '' || /,(?:yes:exec|yes:connect|yes:file|part: keyword)/.test(row));
  for (const { rule, verdict } of firing) {
    test(`fires: ${rule.info.title}`, () => {
      let tried = 0;
      for (const items of ways(rule)) {
        for (let pick = 0; pick < 8; pick++) {
          const values = valuesFor(items, pick);
          const event = eventFor(verdict.stream, values, pick);
          const match = ruleset.evaluate(event).find(found => found.rule === rule.info);
          if (match !== undefined) {
            expect(match.conditions.length).toBeGreaterThan(0);
            return;
          }
        }
        if (++tried > 400) break;
      }
      throw new Error(`no event found that ${rule.info.title} matches`);
    });
  }

  test('what all rules need of the kernel', () => {
    expect(ruleset.needs).toMatchObject({ exec: true, connect: true, execFailed: false, logs: true });
    expect(ruleset.needs.calls.map(({ names, conditions }) => [...names, ...conditions].join(' '))).toEqual([
      'memfd_create',
      'mknod',
      'personality a0=0x40000',
      'socket a0=0x26',
      'sysinfo',
      'syslog a0>=0x4 a0<=0x6',
    ]);
    expect(ruleset.needs.recordTypes).toEqual(['ADD_USER', 'SERVICE_STOP', 'TTY', 'USER_TTY']);
    expect(ruleset.needs.keys).toEqual(['network_connect_4', 'susp_activity']);
    expect(ruleset.needs.files).toContainEqual({ path: '/etc/ld.so.preload', access: 'write' });
    expect(ruleset.needs.files).toContainEqual({ path: '/etc/lsb-release', access: 'read' });
  });
});
