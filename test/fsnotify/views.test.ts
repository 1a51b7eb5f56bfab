import { describe, expect, test } from 'bun:test';
import { type Root, Views } from '../../src/fsnotify/views.ts';
import { WatchSet } from '../../src/fsnotify/watch-set.ts';

const root = (path: string, at: string, more: Partial<Root> = {}): Root => ({
  ...{ containerId: 'c1', ofUser: false, path, at, type: 'overlay', mounts: new Set<string>(), stores: [] },
  ...more,
});

describe('whose a path is', () => {
  const views = new Views(new WatchSet(['/srv/**', '/etc/passwd']));
  const set = new WatchSet(['/etc/**', '/data/*', '/run/x/**']);
  const main = root('/srv/o/merged', '', { mounts: new Set(['/run']), stores: ['/srv/o/diff', '/srv/o/work'] });
  const files = new Map([['hosts', '/etc/hosts']]);
  views.add(main, set);
  views.add(root('/vol/_data', '/data', { type: 'ext4' }), set);
  views.add(root('/srv/c/1', '', { type: 'file', files }), set);

  const rows: readonly (readonly [string, string | undefined, boolean, boolean])[] = [
    // path, the container's, covered, walked
    ['/etc/passwd', undefined, true, true],
    ['/srv', undefined, true, true],
    ['/srv/o', undefined, true, true],
    // From above nobody comes into a root: it's begun at.
    ['/srv/o/merged', '/', false, false],
    ['/srv/o/mergedx', undefined, true, true],
    ['/srv/o/merged/etc', '/etc', true, true],
    ['/srv/o/merged/etc/a', '/etc/a', true, true],
    ['/srv/o/merged/srv/x', '/srv/x', false, false],
    // Something else is mounted there.
    ['/srv/o/merged/run', '/run', false, false],
    // The same file another time.
    ['/srv/o/diff/etc/a', undefined, false, false],
    ['/srv/o/work', undefined, false, false],
    ['/vol/_data/f', '/data/f', true, false],
    ['/vol/_data/d/f', '/data/d/f', false, false],
    ['/srv/c/1/hosts', '/etc/hosts', true, true],
    ['/srv/c/1/config.json', undefined, false, false],
  ];
  test.each(rows)('%s', (path, inside, isCovered, isWalked) => {
    const named = inside === undefined ? { path } : { path: inside, hostPath: path, containerId: 'c1' };
    expect(views.name(path)).toEqual(named);
    expect([views.covers(path), views.descends(path)]).toEqual([isCovered, isWalked]);
  });

  test('of which directories the entries, or everything, matter', () => {
    const paths = ['/srv/o/merged', '/srv/o/merged/etc', '/srv/o/diff', '/vol/_data', '/srv/c/1', '/srv/c/1/d', '/etc'];
    expect(paths.map(path => views.coversIn(path))).toEqual([true, true, false, true, true, false, true]);
    expect(paths.filter(path => views.coversAllIn(path))).toEqual(['/srv/o/merged/etc']);
  });

  test('what the host watches itself', () => {
    const paths = ['/srv/x', '/etc', '/opt', '/srv/o/merged/etc', '/srv/o/diff'];
    expect(paths.filter(path => views.isHosts(path))).toEqual(['/srv/x', '/etc']);
  });

  test('one that ended is the host’s again', () => {
    expect(views.of('c1').map(({ path }) => path)).toEqual(['/srv/o/merged', '/vol/_data', '/srv/c/1']);
    views.remove(main);
    expect([views.has('/srv/o/merged'), views.covers('/srv/o/merged/x'), views.covers('/srv/o/diff/x')]).toEqual([
      ...[false, true, true],
    ]);
  });
});
