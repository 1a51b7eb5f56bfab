import { describe, expect, test } from 'bun:test';
import { fieldRows, rulesFields } from '../../src/cli/rules-fields.ts';
import { canonicalName, FIELDS, fieldNames } from '../../src/rules/fields.ts';
import { capture } from './capture.ts';

function run(...args: string[]): string {
  const { io, written } = capture();
  expect(rulesFields(args, io)).toBe(0);
  return written().out;
}

describe('rules fields', () => {
  test('each name of each logsource is there, and says what it holds or why it holds nothing', () => {
    const rows = fieldRows();
    for (const stream of ['exec', 'network', 'log'] as const) {
      for (const name of fieldNames(stream)) {
        const row = rows.find(one => one.names.includes(name));
        expect([name, row?.holds !== undefined || row?.why !== undefined]).toEqual([name, true]);
        expect(row?.why).toBe(
          rows.find(one => one.names.includes(canonicalName(name)))?.why ??
            FIELDS[stream].get(canonicalName(name))?.why,
        );
      }
    }
    expect(rows.find(one => one.names.includes('CommandLine'))).toMatchObject({
      names: ['CommandLine', 'process.command_line'],
      ecs: 'process.command_line',
    });
  });

  test('of one logsource', () => {
    expect(run('process_creation')).not.toContain('DestinationIp');
    expect(run('network_connection')).toContain('DestinationIp destination.ip\taddress that was connected to\t');
    expect(run('sudo')).toContain('COMMAND\tthe value that sudo writes as COMMAND\tlogs\n');
    expect(run('auditd')).toMatch(/^saddr\t/m);
    const json = JSON.parse(run('--format', 'json', 'process_creation')) as { names: string[]; why?: string }[];
    expect(json.find(({ names }) => names.includes('md5'))?.why).toBe('executables are not hashed yet');
  });

  test('a logsource that is none', () => {
    expect(() => run('proces_creation')).toThrow('no logsource "proces_creation"; did you mean "process_creation"?');
    expect(() => run('webserver')).toThrow('no source feeds web server logs yet; known are process_creation');
    expect(() => run('a', 'b')).toThrow('one logsource at most');
  });
});
