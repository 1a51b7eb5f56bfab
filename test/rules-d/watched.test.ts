// What the project's file rules look for lies where files are watched unless the configuration says otherwise: a rule about another
// place never fires. Reads are told by the kernel's audit, wherever they are.

import { expect, test } from 'bun:test';
import { resolve } from 'node:path';
import { DEFAULT_EXCLUDES, DEFAULT_PATHS } from '../../src/fsnotify/defaults.ts';
import { WatchSet } from '../../src/fsnotify/watch-set.ts';
import { expandPatterns } from '../../src/fsnotify/web/roots.ts';
import { FILE_STREAM_NAMES } from '../../src/rules/fields.ts';
import { loadRules } from '../../src/rules/load.ts';

const { rules } = loadRules([resolve(import.meta.dir, '../../rules.d')]);
const ROOTS = ['/var/www', '/srv/www', '/srv/site', '/srv/http', '/usr/share/nginx', '/usr/local/apache2'];
const watched = new WatchSet(expandPatterns(DEFAULT_PATHS, ROOTS), DEFAULT_EXCLUDES);
const CHANGES = new Set<string | undefined>(FILE_STREAM_NAMES.filter(name => name !== 'file_access'));

/** Documents are watched where a configuration says so. */
const ELSEWHERE = /^\/srv\/docs\//;
/** Distributions have one of these, and link to it. */
const realPath = (path: string): string => path.replace(/^\/(lib(?:64)?|s?bin)\//, '/usr/$1/');

/** The paths that make the rule alert in its tests. */
function* paths(rule: (typeof rules)[number]): Generator<string> {
  for (const { input, match } of rule.puppy?.tests ?? []) {
    if (match === false || input.kind !== 'event') continue;
    const path = input.event.SourceFilename ?? input.event.TargetFilename;
    if (path !== undefined) yield String(path);
  }
}

test.each(
  rules.filter(({ logsource }) => CHANGES.has(logsource.category)).map(rule => [rule.info.title, rule] as const),
)('%s', (_, rule) => {
  const unseen = [...paths(rule)].filter(
    path => !ELSEWHERE.test(path) && !watched.covers(path) && !watched.covers(realPath(path)),
  );
  expect(unseen).toEqual([]);
});
