import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rulesList } from '../../src/cli/rules-list.ts';
import { type Column, table, tabSeparated } from '../../src/cli/table.ts';
import { capture } from './capture.ts';

const root = mkdtempSync(join(tmpdir(), 'puppy-rules-list-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const rule = (title: string, id: number, logsource: string, field: string): string =>
  [
    `title: ${title}`,
    `id: 6c7f0d6e-0000-4000-8000-00000000000${id}`,
    `logsource: ${logsource}`,
    `detection: {selection: {${field}: x}, condition: selection}`,
    'level: high',
    '',
  ].join('\n');

writeFileSync(
  join(root, 'a.yml'),
  `${rule('Exécution d’un programme très long à nommer', 1, '{category: process_creation, product: linux}', 'Image')}---\n${rule('Windows', 2, '{category: process_creation, product: windows}', 'Image')}`,
);
writeFileSync(join(root, 'config.yaml'), `rules: [a.yml]\nstate_dir: ${root}/state\n`);

async function list(args: readonly string[], outColumns?: number): Promise<{ code: number; out: string; err: string }> {
  const { io, written } = capture({ outColumns });
  const code = await rulesList(['--config', join(root, 'config.yaml'), ...args], io);
  return { code, ...written() };
}

describe('rules list', () => {
  test('tab-separated where nobody looks: where each rule stands, and whether it can fire', async () => {
    const { code, out } = await list([]);
    expect(code).toBe(0);
    const [names, first, second, ...rest] = out.split('\n').map(line => line.split('\t'));
    expect(names).toEqual(['title', 'level', 'fires', 'logsource', 'kernel rules', 'source', 'id', 'notes']);
    expect([first?.[2], first?.[3], first?.[5]]).toEqual(['yes', 'linux/process_creation', `${join(root, 'a.yml')}:2`]);
    expect([second?.[2]?.slice(0, 3), second?.[5]]).toEqual(['no:', `${join(root, 'a.yml')}:8`]);
    expect(rest).toEqual([['']]);
  });

  test('JSON', async () => {
    const rows = JSON.parse((await list(['--format', 'json', '--rules', root])).out);
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({ title: 'Windows', level: 'high', type: 'detection', line: 8, canFire: false });
    expect(rows[1]).not.toHaveProperty('fired');
  });

  test('a table is as wide as the terminal at most, and says what it has no place for', async () => {
    for (const width of [20, 60, 80, 100, 132, 400]) {
      const { out } = await list([], width);
      for (const line of out.split('\n')) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(Math.max(width, 80));
      expect(out.includes('too narrow')).toBe(width < 200);
      expect(out).toEndWith("2 rules, 1 can't fire\n");
    }
  });

  test('wrong rules are told of, and the others listed', async () => {
    const bad = join(root, 'bad.yml');
    writeFileSync(bad, 'title: x\n');
    const { code, out, err } = await list(['--rules', root]);
    rmSync(bad);
    expect([code, out.split('\n').length]).toEqual([2, 4]);
    expect(err).toContain('puppy-hids check');
  });

  test('of a running agent: without one, how to find it', async () => {
    const { code, out, err } = await list(['--running']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`no agent answers at ${root}/state/control.sock`);
    expect(list(['--running', '--rules', root])).rejects.toThrow('no --rules with it');
    expect(list(['--format', 'xml'])).rejects.toThrow('--format');
  });
});

describe('tables', () => {
  const columns: Column<readonly string[]>[] = [
    { name: 'a', value: row => row[0]!, least: 4 },
    { name: 'count', value: row => row[1]!, right: true },
  ];
  test('what could steer a terminal, or make another line or cell, is visible', () => {
    expect(tabSeparated(columns, [['x\ty\nz\x1b[2J', '1']])).toBe('a\tcount\nx\\x09y\\x0az\\x1b[2J\t1\n');
    expect(table(columns, [['\x1b]0;x\n', '1']], 80)).toBe('a             count\n\\x1b]0;x\\x0a      1\n');
  });
  test('wide characters count as two', () => {
    expect(table(columns, [['日本語日本語', '12']], 12)).toBe('a      count\n日本…     12\n');
  });
});
