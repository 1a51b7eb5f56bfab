import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { matchName, matchSequence } from '../../src/core/wildcards.ts';
import { DEFAULT_EXCLUDES, DEFAULT_PATHS } from '../../src/fsnotify/defaults.ts';
import { namesOf, WatchSet } from '../../src/fsnotify/watch-set.ts';

describe('what is covered', () => {
  const set = new WatchSet(
    ['/etc/passwd', '/etc/cron.d', '/usr/bin/**', '/home/*/.ssh/**', '/var/www/**/*.php', '/srv/a?/x*'],
    ['/usr/bin/skip', '/usr/bin/**/*.tmp', '/home/bob/**'],
  );
  const covered: readonly (readonly [string, boolean])[] = [
    ['/etc/passwd', true],
    ['/etc/passwd2', false],
    ['/etc', false],
    ['/etc/cron.d', true],
    ['/etc/cron.d/job', true],
    ['/etc/cron.d/sub/job', false],
    ['/usr/bin', true],
    ['/usr/bin/a/b/c', true],
    ['/usr/binary', false],
    ['/usr/bin/skip', false],
    ['/usr/bin/skip/deep/er', false],
    ['/usr/bin/x/y.tmp', false],
    ['/usr/bin/x/y.tmp/z', false],
    ['/home/eve/.ssh', true],
    ['/home/eve/.ssh/authorized_keys', true],
    ['/home/eve/x/.ssh/y', false],
    ['/home/bob/.ssh/authorized_keys', false],
    ['/var/www/x.php', true],
    ['/var/www/a/b/x.php', true],
    ['/var/www/a/b/x.txt', false],
    ['/srv/a1/x', true],
    ['/srv/a12/x', false],
    ['/srv/a1/y', false],
  ];
  test.each(covered)('%s: %p', (path, expected) => expect(set.covers(path)).toBe(expected));

  const walked: readonly (readonly [string, boolean])[] = [
    ['/', true],
    ['/etc', true],
    ['/etc/cron.d', true],
    ['/etc/cron.d/sub', false],
    ['/usr/bin/a', true],
    ['/usr/bin/skip', false],
    ['/home', true],
    ['/home/eve', true],
    ['/home/eve/x', false],
    ['/home/bob', false],
    ['/var/www/a/b', true],
    ['/opt', false],
  ];
  test.each(walked)('walks %s: %p', (path, expected) => expect(set.descends(path)).toBe(expected));

  test('of which directories the entries matter', () => {
    const inside = ['/', '/etc', '/etc/cron.d', '/usr', '/usr/bin', '/home', '/home/eve', '/home/eve/.ssh', '/srv/a1'];
    expect(inside.map(path => set.coversIn(path))).toEqual([false, true, true, true, true, false, true, true, true]);
  });
});

test('of which directories everything matters', () => {
  const set = new WatchSet(['/a/**', '/b/*/**', '/c'], ['/a/x/**/y', '/a/z*']);
  const paths = ['/', '/a', '/a/b', '/a/b/c', '/a/x', '/a/x/1', '/a/zz', '/b/1', '/c'];
  expect(paths.filter(path => set.coversAllIn(path))).toEqual(['/a/b', '/a/b/c']);
});

test('the root directory with everything', () => {
  const set = new WatchSet(['/**'], ['/proc']);
  expect(['/', '/a', '/a/b', '/proc/1'].map(path => set.covers(path))).toEqual([true, true, true, false]);
});

test('a covered path lies in directories that are walked', () => {
  const name = fc.constantFrom('a', 'b', 'ab', '*', '?', 'a*', '**');
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'c'), { minLength: 1, maxLength: 5 });
  const patterns = fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      patterns,
      fc.array(fc.array(name, { minLength: 2, maxLength: 3 }), { maxLength: 1 }),
      path,
      (some, not, names) => {
        const text = (one: readonly string[]): string => `/${one.join('/')}`;
        const set = new WatchSet(some.map(text), not.map(text));
        if (!set.covers(text(names))) return;
        for (let depth = 0; depth < names.length; depth++) expect(set.descends(text(names.slice(0, depth)))).toBe(true);
        expect(set.coversIn(text(names.slice(0, -1)))).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

/** Each pattern by itself, one after the other. */
class PlainWatchSet {
  readonly patterns: readonly string[][];
  readonly excludes: readonly string[][];

  constructor(patterns: readonly string[], excludes: readonly string[] = []) {
    this.patterns = patterns.map(namesOf);
    this.excludes = excludes.map(text => [...namesOf(text), '**']);
  }

  covers(path: string): boolean {
    const names = namesOf(path);
    const covered = this.patterns.some(
      pattern => matches(pattern, names) || (isLiteral(pattern) && matches([...pattern, '*'], names)),
    );
    return covered && !this.excludes.some(pattern => matches(pattern, names));
  }

  descends(path: string): boolean {
    const names = namesOf(path);
    const isIn = this.patterns.some(pattern => leadsTo(pattern, names));
    return isIn && !this.excludes.some(pattern => matches(pattern, names));
  }

  coversIn(path: string): boolean {
    const names = namesOf(path);
    return this.patterns.some(pattern => {
      const reaches = pattern.length === names.length + 1 || (isLiteral(pattern) && pattern.length === names.length);
      return leadsTo(pattern, names) && (reaches || pattern.slice(0, names.length + 2).includes('**'));
    });
  }

  coversAllIn(path: string): boolean {
    const names = namesOf(path);
    const isWhole = this.patterns.some(
      ([...wanted]) => wanted.pop() === '**' && isLiteral(wanted) && matches([...wanted, '**'], names),
    );
    return isWhole && !this.excludes.some(exclude => leadsTo(exclude, names));
  }
}

const isLiteral = (pattern: readonly string[]): boolean => !pattern.some(name => /[*?]/.test(name));

const matches = (pattern: readonly string[], names: readonly string[]): boolean =>
  matchSequence(pattern, names, '**', matchName);

function leadsTo(pattern: readonly string[], names: readonly string[]): boolean {
  const any = pattern.indexOf('**');
  const leading = any < 0 ? pattern : pattern.slice(0, any);
  const isShort = names.length < leading.length;
  if (any < 0 && names.length === leading.length) return isLiteral(pattern) && matches(pattern, names);
  if (any < 0 && !isShort) return false;
  return matches(leading.slice(0, names.length), names.slice(0, leading.length));
}

test('many patterns together answer as each by itself', () => {
  const of = (...names: string[]) =>
    fc.array(fc.constantFrom(...names), { maxLength: 5 }).map(some => `/${some.join('/')}`);
  const patterns = fc.array(of('a', 'b', 'ab', '*', '?', 'a*', '*b', 'a*b', '*a*b*', '?*', '**'), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(patterns, patterns, of('a', 'b', 'ab', 'ba', 'aab', 'c'), (some, not, path) => {
      for (const excludes of [[], not.slice(0, 2), not]) {
        const [set, plain] = [new WatchSet(some, excludes), new PlainWatchSet(some, excludes)];
        for (const asks of ['covers', 'descends', 'coversIn', 'coversAllIn'] as const)
          expect([asks, set[asks](path)]).toEqual([asks, plain[asks](path)]);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('the defaults, as each by itself', () => {
  const paths = DEFAULT_PATHS.filter(path => path.startsWith('/'));
  const set = new WatchSet(paths, DEFAULT_EXCLUDES);
  const plain = new PlainWatchSet(paths, DEFAULT_EXCLUDES);
  const real = [...paths, ...DEFAULT_EXCLUDES].map(text => text.replace(/\*+/g, 'x').replaceAll('?', 'y'));
  const names = [...new Set(real.flatMap(namesOf))];
  const more = fc.array(fc.constantFrom('', ...names.map(name => `/${name}`)), { maxLength: 2 });
  fc.assert(
    fc.property(fc.constantFrom(...real), more, (start, end) => {
      const path = start + end.join('');
      for (const asks of ['covers', 'descends', 'coversIn', 'coversAllIn'] as const)
        expect([asks, path, set[asks](path)]).toEqual([asks, path, plain[asks](path)]);
    }),
    { numRuns: 2_000 },
  );
});

test('hostile names cost little', () => {
  const start = performance.now();
  const deep = new WatchSet([`/${'**/a/'.repeat(20)}b`]);
  expect(deep.covers(`/${'a/'.repeat(2_000)}c`)).toBe(false);
  const excluding = new WatchSet(['/**'], ['/**/a/**/b', '/a/**/a/*/c']);
  for (let i = 0; i < 100; i++) expect(excluding.covers(`/${'a/'.repeat(2_000)}c${i}`)).toBe(true);
  expect(performance.now() - start).toBeLessThan(1_000);
});

test('names of a path', () => expect(namesOf('//a/./b/')).toEqual(['a', 'b']));
