import { Database } from 'bun:sqlite';
import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TermVerdict } from '../../src/core/terms.ts';
import { recordTerms, replayTerms } from '../../src/recording/terms.ts';
import { TermTable } from '../../src/rules/gates/term-table.ts';
import { SqliteTerms } from '../../src/store/terms.ts';

const folder = mkdtempSync(join(tmpdir(), 'puppy-terms-'));
const path = join(folder, 'state', 'terms.db');
afterEach(() => rmSync(join(folder, 'state'), { recursive: true, force: true }));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const notes: string[] = [];
function open(bounds: { perRuleMax?: number } = {}): SqliteTerms {
  notes.length = 0;
  return new SqliteTerms({ path, onNote: (level, message) => notes.push(`${level}: ${message}`), ...bounds });
}

const rule = { key: 'r', learnMs: 100, forgetMs: 10_000 };
const see = (store: SqliteTerms, term: string, timeMs = 500): TermVerdict => store.see(rule, [term], timeMs);

/** The verdict on each term by a store of its own, which is then closed. */
function afterRestart(...terms: string[]): TermVerdict[] {
  const store = open();
  const verdicts = terms.map(term => see(store, term));
  store.close();
  return verdicts;
}

describe('the file', () => {
  test('is there only when a rule asks, and for root alone', () => {
    const store = open();
    store.tick(1);
    expect(existsSync(path)).toBe(false);
    see(store, 'a');
    store.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(notes).toEqual([]);
  });

  test('keeps what was learned and when learning began, over restarts; what is forgotten or evicted goes', () => {
    const first = open({ perRuleMax: 2 });
    expect(see(first, 'early', 0)).toBe('learning');
    for (const term of ['a', 'b']) see(first, term, 50);
    first.close();
    expect(afterRestart('a', 'b', 'early', 'c')).toEqual(['known', 'known', 'new', 'new']);
    const later = open();
    see(later, 'd', 11_000);
    later.tick(11_000);
    later.close();
    expect(later.counters()).toMatchObject({ combinations: 1, forgotten: 4, unwritten: 0 });
    expect(afterRestart('d', 'a')).toEqual(['known', 'new']);
  });

  test('loses nothing that was written when the agent is killed', async () => {
    const program = join(import.meta.dir, 'programs/learns.ts');
    const child = Bun.spawn([process.execPath, program, path], { stdout: 'pipe' });
    let text = '';
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.length > 2_000) child.kill('SIGKILL');
    }
    const told = text.split('\n').slice(0, -1);
    expect(told.length).toBeGreaterThan(100);
    const store = open();
    const verdicts = told.map(term => store.see({ key: 'r', learnMs: 0 }, [term], 1e6));
    store.close();
    expect(new Set(verdicts)).toEqual(new Set(['known']));
    expect(notes).toEqual([]);
  });

  test('of another program, of another version, damaged or no database at all: put aside, told, begun anew', () => {
    const make = (change: (db: Database) => void): void => {
      afterRestart('a');
      const db = new Database(path);
      change(db);
      db.close();
    };
    const cases: [why: string, () => void][] = [
      ["another program's", () => make(db => db.run('PRAGMA application_id = 7'))],
      ['of version 99, not 1', () => make(db => db.run('PRAGMA user_version = 99'))],
      ['not a database', () => writeFileSync(path, 'x'.repeat(9_000))],
      ['no such table', () => make(db => db.run('DROP TABLE term'))],
      [
        'it is damaged',
        () => {
          make(db => db.run('PRAGMA journal_mode = DELETE'));
          const bytes = readFileSync(path);
          writeFileSync(path, bytes.fill(0xff, 4_096 + 8, 4_096 + 600));
        },
      ],
    ];
    for (const [why, damage] of cases) {
      mkdirSync(join(folder, 'state'), { recursive: true });
      damage();
      expect([why, afterRestart('new')]).toEqual([why, ['learning']]);
      expect(notes).toEqual([expect.stringContaining(why)]);
      expect(notes[0]).toContain(`it is put aside as ${path}.aside`);
      expect(existsSync(`${path}.aside`)).toBe(true);
      expect([why, afterRestart('new')]).toEqual([why, ['known']]);
      rmSync(join(folder, 'state'), { recursive: true });
    }
  });

  test('that another agent has, or that has no place: memory goes on, told once, and it is tried again', () => {
    const one = open();
    see(one, 'a');
    const two = open();
    expect(['a', 'b', 'a'].map(term => see(two, term, 60_000))).toEqual(['learning', 'learning', 'known']);
    two.tick(1);
    two.tick(2);
    expect(notes).toEqual([expect.stringContaining('another agent uses it')]);
    one.close();
    two.tick(60_001);
    expect(notes[1]).toContain('is written again');
    two.close();
    expect(afterRestart('b')).toEqual(['known']);
    rmSync(join(folder, 'state'), { recursive: true });
    writeFileSync(join(folder, 'state'), 'in the way');
    expect(afterRestart('a', 'a')).toEqual(['learning', 'known']);
    expect(notes).toHaveLength(1);
  });

  test('that is removed meanwhile is begun anew with what is known', () => {
    const asked = { key: 'r', learnMs: 100 };
    const store = open();
    store.see(asked, ['a'], 1);
    store.tick(60_000);
    rmSync(join(folder, 'state'), { recursive: true });
    store.tick(60_001);
    store.tick(120_000);
    store.close();
    expect(notes).toEqual([expect.stringContaining('was removed')]);
    const again = open();
    expect(again.see(asked, ['a'], 2)).toBe('known');
    again.close();
  });

  test('takes a flood in pieces', () => {
    const store = open();
    for (let i = 0; i < 25_000; i++) see(store, `${i}`);
    const unwritten = [1, 2, 3].map(now => {
      store.tick(now);
      return store.counters().unwritten;
    });
    expect(unwritten).toEqual([15_000, 5_000, 0].map(rows => expect.closeTo(rows, -1)));
    store.close();
  });
});

test('a recording answers as the store did, and for what it was not asked another does', () => {
  const lines: string[] = [];
  const live = new TermTable();
  const asked = { key: 'r', learnMs: 10 };
  live.see(asked, ['before'], 0);
  const recorder = recordTerms(live, line => lines.push(line));
  const questions = [['before'], ['a'], ['a'], ['b', 'c']];
  const ask = (store: typeof recorder): TermVerdict[] => questions.map(terms => store.see(asked, terms, 100));
  const verdicts = ask(recorder);
  expect(verdicts).toEqual(['known', 'new', 'known', 'new']);
  const replayed = replayTerms([...lines, '{"f":"term"', '{"f":"boot","v":1}'], new TermTable());
  expect(ask(replayed)).toEqual(verdicts);
  expect(replayed.see(asked, ['d'], 100)).toBe('learning');
});
