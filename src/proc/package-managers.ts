// Whether a change was made by the package manager of the host, or of the file's container, at its work: unpacking, configuring, removing.
// What it starts for that (tar, dpkg-deb, a package's scripts) descends from it. Pure.
//
// It quiets alerts, so it's narrow: the program itself by its resolved path, as root, where the file is (in the host's root and in no
// container, or in that very container), asked for something that changes packages. `dpkg -l` has a pager that starts a shell, `rpm --eval` runs what it's given: those are at no work,
// and neither are the tools around them when started alone (dpkg-deb -x, dpkg-divert). What root does by hand inside of a package's
// script can't be told apart.

import type { FilePackage, Process, ProcessImage } from '../core/event.ts';

type PackageManager = FilePackage['manager'];

/** Programs that change packages whatever they're asked for: what they only show is shown without a pager. */
const RPM_FRONT_ENDS = ['dnf5', 'microdnf', 'zypper', 'tdnf'].map(name => `/usr/bin/${name}`);
const PACKAGEKIT = '/usr/libexec/packagekitd';

/** dnf and yum are scripts: the executable is an interpreter, and the script stands where it was invoked. */
const PYTHON = /^\/usr\/(bin\/python[23](\.\d{1,2})?|libexec\/platform-python(\d(\.\d{1,2})?)?)$/;
const SCRIPTS = new Set(['dnf', 'dnf-3', 'dnf-2', 'dnf4', 'yum'].flatMap(name => [`/usr/bin/${name}`, `/bin/${name}`]));

const DPKG_WORK = /^(-[a-zA-Z]*[irPA]|--(install|unpack|configure|triggers-only|remove|purge))$/;
const RPM_WORK = /^--(install|upgrade|freshen|erase|reinstall|restore)$/;
/** A group of short options, as `-Uvh`; with q or V it only asks. */
const RPM_SHORT = /^-[a-zA-Z]+$/;

/** `containerId`: whose file it is; the host's without one. */
export function managerOf(process: Process, containerId?: string): PackageManager | undefined {
  for (const image of [process.image, ...process.ancestors]) {
    if (image.container?.id !== containerId) return undefined;
    if (containerId === undefined && image.foreignRoot === true) return undefined;
    const manager = managerByImage(image, image === process.image);
    if (manager !== undefined) return manager;
  }
  return undefined;
}

function managerByImage(image: ProcessImage, isActor: boolean): PackageManager | undefined {
  const { executable, credentials, args = [] } = image;
  if (executable === undefined || (credentials?.euid ?? credentials?.uid)?.id !== 0) return undefined;
  // Where nobody saw what it was asked for (auditing is off): by itself dpkg changes files only at work.
  if (executable === '/usr/bin/dpkg' && image.args === undefined && isActor) return 'dpkg';
  const end = args.indexOf('--');
  const options = args.slice(1, end < 0 ? undefined : end);
  if (executable === '/usr/bin/dpkg') return options.some(option => DPKG_WORK.test(option)) ? 'dpkg' : undefined;
  if (executable === '/usr/bin/rpm') return options.some(isRpmWork) ? 'rpm' : undefined;
  if (executable === PACKAGEKIT || RPM_FRONT_ENDS.includes(executable)) return 'rpm';
  return PYTHON.test(executable) && SCRIPTS.has(scriptOf(image) ?? '') ? 'rpm' : undefined;
}

const isRpmWork = (option: string): boolean =>
  RPM_WORK.test(option) || (RPM_SHORT.test(option) && /[iUFe]/.test(option) && !/[qVEK]/.test(option));

/** The script as invoked; for a process found running, as its interpreter was given it. */
const scriptOf = ({ invoked, args }: ProcessImage): string | undefined =>
  invoked?.[0] ?? args?.slice(1).find(argument => !argument.startsWith('-'));
