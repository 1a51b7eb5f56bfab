// Builds the native code without JavaScript, under sanitizers, and runs its tests: ASan with UBSan, and TSan. Needs clang++ and its
// runtimes, which ./dev installs.

import { describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dir;
const native = join(here, '../../native');
const build = join(here, '../../build/native-tests');
const BUILD_TIMEOUT_MS = 300_000;

const SOURCES = [
  'assembler',
  'execve',
  'logline',
  'audit',
  'directories',
  'fsnotify',
  'held',
  'scan',
  'task',
  'netlink',
  'sock_diag',
  'addresses',
  'held_sockets',
];
const PACKETS = ['pcap', 'udp_seen', 'packet', 'capture_file', 'libpcap'];
const PROGRAMS = [...new Bun.Glob('*_test.cc').scanSync({ cwd: here })].sort().map(name => name.replace(/\.cc$/, ''));
const COMMON = ['-std=c++17', '-g', '-O1', '-fno-omit-frame-pointer', '-Wall', '-Wextra', '-Werror', '-pthread'];

/** The addon's flags of the linker, and its libraries. */
const LINK: readonly string[] = (() => {
  const [target] = JSON.parse(readFileSync(join(native, 'binding.gyp'), 'utf8')).targets;
  return [...target.ldflags.filter((flag: string) => flag.includes('--wrap=')), ...target.libraries];
})();

interface Ran {
  readonly status: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], timeoutMs = 120_000): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk));
  child.on('error', error => resolve({ status: null, output: String(error) }));
  child.on('close', status => resolve({ status, output }));
  return promise;
}

async function clang(args: readonly string[]): Promise<void> {
  expect(await run('clang++', [...COMMON, ...args], BUILD_TIMEOUT_MS)).toEqual({ status: 0, output: '' });
}

/** Without address randomization, which older sanitizers can't cope with on newer kernels. */
async function runSanitized(program: string, args: readonly string[] = []): Promise<Ran> {
  const fixed = (await run('setarch', ['-R', 'true'])).status === 0;
  return fixed ? run('setarch', ['-R', program, ...args]) : run(program, args);
}

/** Compiles the native sources once and links each program with them. The fuzzer's own output doesn't bear the linker's flags. */
async function buildAll(
  directory: string,
  flags: readonly string[],
  programs: readonly string[],
  withPackets = true,
): Promise<void> {
  const sources = withPackets ? [...SOURCES, ...PACKETS] : SOURCES;
  const link = withPackets ? LINK : [];
  mkdirSync(directory, { recursive: true });
  const object = (name: string): string => join(directory, `${name}.o`);
  const compile = (folder: string, name: string) =>
    clang([...flags, '-c', join(folder, `${name}.cc`), '-o', object(name)]);
  await Promise.all([...sources.map(name => compile(native, name)), ...programs.map(name => compile(here, name))]);
  await Promise.all(
    programs.map(name => clang([...flags, object(name), ...sources.map(object), ...link, '-o', join(directory, name)])),
  );
}

function sanitized(name: string, flags: readonly string[]): void {
  describe(`under ${name} sanitizers`, () => {
    const directory = join(build, name);
    test('builds', () => buildAll(directory, flags, PROGRAMS), BUILD_TIMEOUT_MS);
    test.each(PROGRAMS)(
      '%s',
      async program => {
        const { status, output } = await runSanitized(join(directory, program));
        expect(output.split('\n').filter(line => !line.startsWith('ok '))).toEqual(['']);
        expect(status).toBe(0);
      },
      120_000,
    );
  });
}

sanitized('address and undefined', ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']);
sanitized('thread', ['-fsanitize=thread']);

describe('fuzz', () => {
  const directory = join(build, 'fuzz');
  const fixtures = join(here, 'fixtures/fuzz');
  const program = join(directory, 'fuzz');
  const flags = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];

  test('builds', () => buildAll(directory, flags, ['fuzz'], false), BUILD_TIMEOUT_MS);

  test.each([...new Bun.Glob('*').scanSync({ cwd: fixtures })].sort())('what was found stays fixed: %s', async name => {
    const { status, output } = await runSanitized(program, [join(fixtures, name)]);
    expect(status === 0 ? '' : output).toBe('');
  });

  test('a few seconds from the fixtures find nothing new', async () => {
    const corpus = join(directory, 'corpus');
    rmSync(corpus, { recursive: true, force: true });
    mkdirSync(corpus);
    const bounds = ['-max_total_time=5', '-max_len=4096', '-timeout=20', '-seed=1', `-artifact_prefix=${directory}/`];
    const { status, output } = await runSanitized(program, [...bounds, `-dict=${fixtures}.dict`, corpus, fixtures]);
    expect(status === 0 ? '' : output).toBe('');
  }, 60_000);
});
