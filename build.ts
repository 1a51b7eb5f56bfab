// Builds the executable: the addon by node-gyp, then everything into one file.
//   bun run build.ts [--target linux-x64|linux-arm64] [--addon-only] [--outfile FILE]

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { libpcap } from './native/libpcap.ts';

const root = import.meta.dir;
const { values } = parseArgs({
  options: {
    target: { type: 'string', default: process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64' },
    'addon-only': { type: 'boolean', default: false },
    outfile: { type: 'string' },
  },
});
const host = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64';
const target = values.target;
/** Cross compilers by target: Debian's package, its prefix, and the oldest glibc that the addon may need. */
const TARGETS: Record<
  string,
  { gypArch: string; debianArch: string; prefix: string; package: string; glibc: number; bunPackage: string }
> = {
  'linux-x64': {
    gypArch: 'x64',
    debianArch: 'amd64',
    prefix: 'x86_64-linux-gnu-',
    package: 'g++-x86-64-linux-gnu',
    glibc: 17,
    bunPackage: 'bun-linux-x64',
  },
  'linux-arm64': {
    gypArch: 'arm64',
    debianArch: 'arm64',
    prefix: 'aarch64-linux-gnu-',
    package: 'g++-aarch64-linux-gnu',
    glibc: 17,
    bunPackage: 'bun-linux-aarch64',
  },
};
const spec = TARGETS[target];
if (spec === undefined) fail(`unknown target ${target}: one of ${Object.keys(TARGETS).join(', ')}`);

function fail(message: string): never {
  console.error(`build: ${message}`);
  process.exit(1);
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): string {
  const r = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (r.error) fail(`${command}: ${r.error.message}`);
  if (r.status !== 0) fail(`${command} ${args.join(' ')} failed:\n${r.stdout}${r.stderr}`);
  return r.stdout;
}

/** Where node's headers are, for node-gyp: beside the node that runs it, as Debian and NodeSource install them. */
function nodeDir(): string[] {
  const node = Bun.which('node');
  const candidates = [node === null ? '' : dirname(dirname(node)), '/usr', '/usr/local', '/usr/include/nodejs'];
  for (const directory of candidates) {
    if (existsSync(join(directory, 'include/node/node_api.h'))) return [`--nodedir=${directory}`];
  }
  return [];
}

function buildAddon(): string {
  const cross = target !== host;
  if (cross && Bun.which(`${spec!.prefix}g++`) === null)
    fail(`${spec!.prefix}g++ not found: apt-get install ${spec!.package}`);
  const tools: Record<string, string> = cross
    ? { CC: `${spec!.prefix}gcc`, CXX: `${spec!.prefix}g++`, AR: `${spec!.prefix}ar` }
    : {};
  const addon = join(root, `build/puppy-addon-${target}.bin`);
  if (isCurrent(addon)) return addon;
  const triplet = spec!.prefix.slice(0, -1);
  const place = join(root, `build/libpcap-${target}`);
  const pcap = libpcap(tools.CC ?? 'gcc', triplet, spec!.debianArch, cross, place);
  if (typeof pcap === 'string') fail(pcap);
  const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  // By bun, because this node-gyp asks for a newer node than the distributions have.
  run(process.execPath, [gyp, 'rebuild', '--directory', 'native', `--arch=${spec!.gypArch}`, ...nodeDir()], {
    ...tools,
    ...pcap,
  });
  mkdirSync(dirname(addon), { recursive: true });
  const fresh = `${addon}.new`;
  copyFileSync(join(root, 'native/build/Release/puppy.node'), fresh);
  run(cross ? `${spec!.prefix}strip` : 'strip', ['--strip-unneeded', fresh]);
  checkAddon(fresh, cross ? `${spec!.prefix}objdump` : 'objdump');
  if (!cross) copyFileSync(fresh, join(root, 'build/puppy-addon.bin'));
  renameSync(fresh, addon);
  return addon;
}

/** Nothing that the addon is made of is newer than it. */
function isCurrent(addon: string): boolean {
  if (!existsSync(addon) || !existsSync(join(root, 'build/puppy-addon.bin'))) return false;
  const made = statSync(addon).mtimeMs;
  const sources = [...new Bun.Glob('native/*.{cc,h,gyp}').scanSync({ cwd: root }), 'package-lock.json', 'build.ts'];
  return sources.every(file => statSync(join(root, file)).mtimeMs < made);
}

/** The addon may need glibc alone, and an old one. */
function checkAddon(addon: string, objdump: string): void {
  const text = run(objdump, ['-p', addon]);
  const needed = [...text.matchAll(/NEEDED\s+(\S+)/g)].map(m => m[1]!);
  const foreign = needed.filter(name => !/^(libc\.so\.6|libpthread\.so\.0|ld-linux-.*)$/.test(name));
  if (foreign.length > 0) fail(`the addon needs ${foreign.join(', ')}`);
  if (/\bTEXTREL\b/.test(text)) fail('the addon has relocations in its code: see native/libpcap.cc');
  for (const m of text.matchAll(/GLIBC_2\.(\d+)/g)) {
    if (Number(m[1]) > spec!.glibc)
      fail(`the addon needs GLIBC_2.${m[1]}, more than 2.${spec!.glibc}: see native/glibc.h`);
  }
}

/** Bun's runtime for another architecture, from its npm package, unpacked beside the build. */
function crossRuntime(): string | undefined {
  if (target === host) return undefined;
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/bun/package.json'), 'utf8')) as {
    version: string;
  };
  const directory = join(root, `build/${spec!.bunPackage}-${version}`);
  const executable = join(directory, 'package/bin/bun');
  if (!existsSync(executable)) {
    mkdirSync(directory, { recursive: true });
    run('npm', ['pack', `@oven/${spec!.bunPackage}@${version}`, '--pack-destination', directory, '--silent']);
    run('tar', ['-xzf', join(directory, `oven-${spec!.bunPackage}-${version}.tgz`), '-C', directory]);
  }
  return executable;
}

/** The pack inside the program: rules.d, its lists included, as one file. */
function buildRules(): void {
  const globs = ['**/*.{yml,yaml}', '**/lists/*.txt'].map(glob => new Bun.Glob(glob));
  const files = globs.flatMap(glob => [...glob.scanSync({ cwd: join(root, 'rules.d') })]).sort();
  const texts = files.map(file => ({
    file: `builtin:${file}`,
    text: readFileSync(join(root, 'rules.d', file), 'utf8'),
  }));
  const path = join(root, 'build/builtin-rules.bin');
  writeFileSync(path, JSON.stringify(texts));
}

const addon = buildAddon();
buildRules();
if (!values['addon-only']) {
  const outfile = values.outfile ?? join(root, target === host ? 'puppy-hids' : `puppy-hids-${target}`);
  const executablePath = crossRuntime();
  rmSync(outfile, { force: true });
  const result = await Bun.build({
    // The first is the program. The other is a thread's: src/fsnotify/inspect/helper.ts knows where it lies in the executable.
    entrypoints: [join(root, 'src/cli/main.ts'), join(root, 'src/fsnotify/inspect/worker.ts')],
    root: join(root, 'src'),
    minify: true,
    sourcemap: 'none',
    bytecode: false,
    plugins: [
      {
        name: 'addon',
        setup: build => void build.onResolve({ filter: /\/puppy-addon\.bin$/ }, () => ({ path: addon })),
      },
    ],
    compile: {
      target: `bun-${target}` as Bun.Build.CompileTarget,
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(executablePath === undefined ? {} : { executablePath }),
    },
  });
  if (!result.success) fail(result.logs.join('\n'));
  console.log(`${outfile}: ${(statSync(outfile).size / 1e6).toFixed(1)} MB`);
}
