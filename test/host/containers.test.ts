// Containers made of what every kernel has: a cgroup as Docker names it, namespaces, and a root of layers.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, copyFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openContainers } from '../../src/proc/container-reader.ts';
import { openProcfs } from '../../src/proc/procfs.ts';
import { type AgentRun, action, agent, at, folder, guardKernel, jsonLines, type Line, puppy, text } from './agent.ts';

guardKernel();

/** The cgroup file system that the agent looks at first. */
function cgroupMount(): string {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const point = mounts.find(line => line.includes(' / ') && / - cgroup2 /.test(line))?.split(' ')[4];
  if (point === undefined) throw new Error('cgroup version 2 is mounted nowhere: mount -t cgroup2 none /sys/fs/cgroup');
  return point;
}

const MARK = `m${randomBytes(4).toString('hex')}`;
const BROUGHT = `/tmp/brought-${MARK}`;

interface Container {
  readonly id: string;
  readonly cgroup: string;
  readonly root: string;
}

const made: Container[] = [];

function container(): Container {
  const id = randomBytes(32).toString('hex');
  const cgroup = join(cgroupMount(), 'docker', id);
  mkdirSync(cgroup, { recursive: true });
  const root = folder();
  const config = join(root, 'containers', id);
  mkdirSync(config, { recursive: true });
  const json = { ID: id, Name: `/name-${MARK}`, Config: { Image: 'puppy/test:7', Labels: { 'a.b': 'c' } } };
  writeFileSync(join(config, 'config.v2.json'), JSON.stringify(json));
  const one = { id, cgroup, root };
  made.push(one);
  return one;
}

async function run({ cgroup, root }: Container, launcherName: string, script: string): Promise<void> {
  const launcher = join(folder(), launcherName);
  copyFileSync('/usr/bin/unshare', launcher);
  const program = join(import.meta.dir, 'programs/container.sh');
  const child = spawn(program, [cgroup, root, launcher, script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise(done => child.on('exit', done));
  expect(code).toBe(0);
}

afterAll(() => {
  for (const { cgroup } of made) {
    for (const path of [cgroup, join(cgroup, '..')]) {
      try {
        rmdirSync(path);
      } catch {
        // Gone already, or Docker's own are still in there.
      }
    }
  }
});

describe('a container', () => {
  let agentRun: AgentRun;
  let recording: string;
  let known: Container;
  let unknown: Container;
  const lines = (word: string): Line[] =>
    agentRun.of('exec').filter(line => (at(line, 'process.args') as string[] | undefined)?.includes(`${MARK}-${word}`));

  beforeAll(async () => {
    recording = join(folder(), 'recording');
    agentRun = await agent({ args: ['--events', '--record', recording] });
    known = container();
    unknown = container();
    const first = run(
      known,
      'runc',
      `cp /bin/echo ${BROUGHT}; sleep 0.5; /bin/echo ${MARK}-first; sleep 1.5; /bin/echo ${MARK}-image; ${BROUGHT} ${MARK}-drift;
       printf '#!/bin/bash\\n/bin/echo ${MARK}-below\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s ${MARK}-script`,
    );
    // A launcher that is no runtime's: the listing of cgroups finds the container.
    const second = run(unknown, 'odd-launcher', `sleep 3; /bin/echo ${MARK}-late`);
    await Promise.all([first, second]);
    execFileSync('/bin/echo', [`${MARK}-host`]);
    for (const { cgroup } of [known, unknown]) rmdirSync(cgroup);
    await agentRun.until('the end of both', () => agentRun.of('container_stopped').length >= 2);
    expect(await agentRun.stop()).toBe(0);
  }, 40_000);

  test('the id from its first program on; the name, the image and the labels with the next', () => {
    const [first] = lines('first');
    expect(at(first, 'container.id')).toBe(known.id);
    const [image] = lines('image');
    expect(at(image, 'container')).toEqual({
      id: known.id,
      runtime: 'docker',
      name: `name-${MARK}`,
      image: { name: 'puppy/test', tag: ['7'] },
      labels: { a_b: 'c' },
    });
    expect(lines('below').map(line => at(line, 'container.id'))).toEqual([known.id]);
    expect(lines('host').map(line => at(line, 'container'))).toEqual([undefined]);
  });

  test('drift: a program and a script that were written in it', () => {
    const drift = (word: string): unknown[] => lines(word).map(line => at(line, 'puppy.container.drift'));
    expect(drift('image')).toEqual([undefined]);
    expect(drift('drift')).toEqual([true]);
    expect(drift('script')).toEqual([true]);
  });

  test('one that no runtime started is found by its cgroup', () => {
    expect(lines('late').map(line => at(line, 'container.id'))).toEqual([unknown.id]);
  });

  test('both come and go, once', () => {
    const ids = [known.id, unknown.id];
    for (const kind of ['container_started', 'container_stopped']) {
      const told = agentRun
        .lines()
        .filter(line => action(line) === kind && ids.includes(text(line, 'container.id') ?? ''));
      expect([kind, told.length]).toEqual([kind, 2]);
    }
  });

  test('the recording gives the same lines', () => {
    const { code, out } = puppy(['replay', '--events', '--rules', 'builtin', recording]);
    expect(code).toBe(0);
    const of = (all: readonly Line[]): unknown[] =>
      all
        .filter(line => action(line) === 'exec' || action(line).startsWith('container_'))
        .map(line => [at(line, 'event.id'), at(line, 'container'), at(line, 'puppy.container')]);
    expect(of(jsonLines(out).filter(line => at(line, 'event.kind') === 'event'))).toEqual(
      of(agentRun.lines().filter(line => at(line, 'event.kind') === 'event')),
    );
  });
});

describe('cgroups that others than root make', () => {
  const top = join(cgroupMount(), `puppy-${MARK}`);
  const id = randomBytes(32).toString('hex');

  beforeAll(() => {
    mkdirSync(join(top, 'root', id, 'init'), { recursive: true });
    mkdirSync(join(top, 'user'));
    chownSync(join(top, 'user'), 1000, 1000);
    mkdirSync(join(top, 'user', `docker-${id}.scope`));
  });
  afterAll(() => {
    for (const path of [`/root/${id}/init`, `/root/${id}`, '/root', `/user/docker-${id}.scope`, '/user', ''])
      rmdirSync(top + path);
  });

  test("are told with their owner; root's are not", () => {
    const reader = openContainers(openProcfs());
    const found = reader.list()?.filter(ref => ref.id === id);
    expect(found?.sort((a, b) => (a.owner ?? 0) - (b.owner ?? 0))).toEqual([
      { id, scope: `/puppy-${MARK}/root/${id}` },
      { id, runtime: 'docker', scope: `/puppy-${MARK}/user/docker-${id}.scope`, owner: 1000 },
    ]);
    // Nothing has changed.
    expect(reader.list()).toBeUndefined();
  });

  test('a process below a container is in it; one that calls itself a container inside of another is in both', async () => {
    const reader = openContainers(openProcfs());
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    const inner = 'e'.repeat(64);
    const nested = join(top, 'root', id, `docker-${inner}.scope`);
    mkdirSync(nested);
    try {
      expect(reader.ofProcess(child.pid!)).toBe('host');
      writeFileSync(join(top, 'root', id, 'init/cgroup.procs'), String(child.pid));
      expect(reader.ofProcess(child.pid!)).toMatchObject({ id });
      expect(reader.processes(`/puppy-${MARK}/root/${id}`)).toEqual([]);
      writeFileSync(join(nested, 'cgroup.procs'), String(child.pid));
      expect(reader.ofProcess(child.pid!)).toMatchObject({ id: inner, outer: id });
    } finally {
      child.kill('SIGKILL');
      await new Promise(done => child.on('exit', done));
      rmdirSync(nested);
    }
    expect(reader.ofProcess(child.pid!)).toBeUndefined();
  });
});
