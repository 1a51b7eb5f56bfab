// The baseline beside the real watcher: what changed while nobody watched is told once, whatever happens at the start.

import { afterAll, expect, test } from 'bun:test';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileObservation } from '../../src/core/observation.ts';
import { FileKnowledge } from '../../src/file-knowledge.ts';
import type { FileChange } from '../../src/fsnotify/change.ts';
import { Describer } from '../../src/fsnotify/describe.ts';
import { FsSource } from '../../src/fsnotify/source.ts';

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'puppy-host-baseline-')));
const root = join(folder, 'tree');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(root, name);
const put = (name: string, text: string): void => fs.writeFileSync(at(name), text);

interface Agent {
  readonly told: FileObservation[];
  /** Everything was compared. */
  readonly compared: Promise<void>;
  stop(): Promise<void>;
}

const paths = [`${root}/**`];

function knowledgeOf(tell: (change: FileChange) => void): FileKnowledge {
  const fsnotify = {
    ...({ enabled: true, backend: 'auto', paths, exclude: [], containers: false, maxFiles: 1_000 } as const),
    ...({ hashes: ['sha256'], hashMaxBytes: 1e6, hashBytesPerSecond: 1e8, baseline: true, diff: false } as const),
  };
  const config = { fsnotify, stateDir: join(folder, 'state') };
  return new FileKnowledge({ config, paths, excludes: [], note: () => undefined, tell });
}

/** Watches the tree with all that is known of its files, as a live run does. */
async function start(): Promise<Agent> {
  const told: FileObservation[] = [];
  const knowledge: FileKnowledge = knowledgeOf(change => describer.push(change));
  const describer = new Describer(
    {
      inspect: (change, done) => knowledge.inspect(change, done),
      previous: path => knowledge.previous(path),
      note: (path, state) => knowledge.note(path, state),
      isTold: change => knowledge.isTold(change),
      moved: (from, to) => knowledge.moved(from, to),
      packageOf: () => undefined,
      diff: () => undefined,
      who: () => undefined,
      isPast: () => true,
      tell: observation => told.push(observation),
    },
    1_000,
  );
  const source = new FsSource(
    { paths, excludes: [], ownPaths: [], backend: 'auto', pid: 0 },
    {
      change: change => describer.push(change),
      batchEnd: () => undefined,
      loss: () => undefined,
      note: () => undefined,
      availability: () => undefined,
    },
  );
  const timer = setInterval(() => {
    describer.release();
    knowledge.tick(Date.now());
  }, 20);
  await source.start(Date.now());
  return {
    told,
    compared: knowledge.compare(),
    stop: async () => {
      // What is told unseen, because the agent ends, would be told again at the next start.
      await Bun.sleep(200);
      for (let i = 0; i < 500 && describer.size > 0; i++) await Bun.sleep(10);
      clearInterval(timer);
      source.stop();
      describer.releaseAll();
      knowledge.stop();
      knowledge.close();
    },
  };
}

const summary = ({ told }: Agent): string[] =>
  told
    .map(
      ({ kind, file, teller }) => `${teller === 'scan' ? 'down' : 'live'} ${kind} ${file.path.slice(root.length + 1)}`,
    )
    .sort();

test('what changed while no agent ran, and what changes at its start', async () => {
  fs.mkdirSync(at('dir/sub'), { recursive: true });
  for (const name of ['down', 'both', 'live', 'goes', 'dir/a', 'dir/sub/b']) put(name, 'before');
  const first = await start();
  await first.compared;
  fs.renameSync(at('dir'), at('moved'));
  await Bun.sleep(300);
  put('live', 'seen');
  await first.stop();
  expect(summary(first)).toEqual(['live modified live', 'live renamed moved']);

  put('down', 'after');
  put('both', 'while down');
  fs.rmSync(at('goes'));
  const second = await start();
  put('both', 'and again');
  put('new', 'live');
  await second.compared;
  await second.stop();
  expect(summary(second)).toEqual([
    'down deleted goes',
    'down modified down',
    'live created new',
    'live modified both',
  ]);
  const of = (name: string): FileObservation => second.told.find(({ file }) => file.path === at(name))!;
  expect(of('down')).toMatchObject({ warnings: ['while_down'], file: { size: 5, previous: { size: 6 } } });
  expect(of('both').file).toMatchObject({ size: 9, previous: { size: 6 } });
  expect(of('goes').file.previous?.hashes?.sha256).toHaveLength(64);

  const third = await start();
  await third.compared;
  await third.stop();
  expect(summary(third)).toEqual([]);
}, 30_000);

test('a comparison that waited while the watcher told of the same path', () => {
  const knowledge = knowledgeOf(() => undefined);
  const previous = { type: 'file', size: 1 } as const;
  const change = { path: at('x'), timeMs: 0, teller: 'scan', warnings: ['while_down'] } as const;
  const isTold = (of: Partial<FileChange>): boolean => knowledge.isTold({ ...change, kind: 'modified', ...of });
  expect([isTold({ previous }), isTold({ kind: 'created' })]).toEqual([true, false]);
  knowledge.note(at('x'), previous);
  expect([isTold({ previous }), isTold({ kind: 'created' }), isTold({ warnings: [] })]).toEqual([false, true, false]);
  knowledge.note(at('x'), { ...previous, size: 2 });
  expect(isTold({ previous })).toBe(true);
  knowledge.stop();
  knowledge.close();
});
