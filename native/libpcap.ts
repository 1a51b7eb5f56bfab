// For the build: where the static libpcap is that the addon takes in, for this machine or fetched for another (docs/decisions/0015).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Debian's and Ubuntu's, with the header and libpcap.a. */
const PACKAGE = 'libpcap0.8-dev';

/** What `make` must know to find it, or what to do where it isn't there. */
export function libpcap(
  compiler: string,
  triplet: string,
  architecture: string,
  isCross: boolean,
  directory: string,
): Record<string, string> | string {
  const found = spawnSync(compiler, ['-print-file-name=libpcap.a'], { encoding: 'utf8' });
  if (found.status === 0 && isAbsolute(found.stdout.trim())) return {};
  if (!isCross) return 'libpcap.a not found: apt-get install libpcap-dev';
  const library = join(directory, `usr/lib/${triplet}`);
  if (!existsSync(join(library, 'libpcap.a'))) {
    const problem = fetchPackage(architecture, directory);
    if (problem !== undefined) {
      const advice = `dpkg --add-architecture ${architecture}, apt-get update, apt-get install ${PACKAGE}:${architecture}`;
      return `${PACKAGE} for ${architecture} can't be fetched: ${problem}\nor install it: ${advice}`;
    }
  }
  return { LDFLAGS: `-L${library}`, CPPFLAGS: `-I${join(directory, 'usr/include')}` };
}

/** Unpacks the other architecture's package beside the build; the system's lists and packages stay as they are. Why not, if it can't. */
function fetchPackage(architecture: string, directory: string): string | undefined {
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(directory, folder), { recursive: true });
  const options = {
    'APT::Architecture': architecture,
    'APT::Architectures::': architecture,
    'Dir::State::lists': join(directory, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(directory, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'APT::Sandbox::User': '',
  };
  const apt = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run = (command: string, args: readonly string[]): string | undefined => {
    const r = spawnSync(command, args, { cwd: directory, encoding: 'utf8' });
    return r.status === 0 ? undefined : (r.error?.message ?? r.stderr.trim());
  };
  // Of a source that has nothing for that architecture the first complains; the second tells whether it matters.
  run('apt-get', [...apt, 'update']);
  const problem = run('apt-get', [...apt, 'download', PACKAGE]);
  if (problem !== undefined) return problem;
  const file = readdirSync(directory).find(name => name.startsWith(`${PACKAGE}_`) && name.endsWith('.deb'));
  return file === undefined ? 'apt-get downloaded nothing' : run('dpkg-deb', ['-x', file, directory]);
}
