// The mount table: where another file system begins, and which of them are not walked. Pure.

export interface Mount {
  readonly id: string;
  /** Of its file system, `major:minor`. */
  readonly dev: string;
  /** Where in its file system the mount begins. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** The file system's own. */
  readonly options: string;
}

const MOUNTS_MAX = 65_536;

/** Kernel interfaces that hold no files. */
const KERNEL = new Set([
  ...['proc', 'sysfs', 'cgroup', 'cgroup2', 'devpts', 'securityfs', 'debugfs', 'tracefs', 'pstore', 'bpf', 'configfs'],
  ...['efivarfs', 'fusectl', 'mqueue', 'hugetlbfs', 'binfmt_misc', 'rpc_pipefs', 'nsfs', 'selinuxfs', 'autofs'],
]);
/** File systems whose server may be gone: asking them can hang. */
const REMOTE = new Set(['nfs', 'nfs4', 'cifs', 'smb3', 'ceph', 'afs', '9p', 'glusterfs', 'lustre', 'ncpfs', 'fuse']);

export const holdsFiles = (type: string): boolean => !KERNEL.has(type);

export const isWalked = (type: string): boolean => holdsFiles(type) && !REMOTE.has(type) && !type.startsWith('fuse.');

/** proc(5), in safe text: `36 35 98:0 /root /point options [optional…] - type source options`. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n', MOUNTS_MAX)) {
    const words = line.split(' ', 64);
    const dash = words.indexOf('-', 6);
    const [id, , dev, root, point] = words;
    const type = words[dash + 1];
    const options = words[dash + 3];
    if (dash < 0 || root === undefined || point === undefined || type === undefined || options === undefined) continue;
    mounts.push({ id: id!, dev: dev!, root: unescapeOctal(root), point: unescapeOctal(point), type, options });
  }
  return mounts;
}

/** Spaces and the like are `\040`; a backslash that then looks like safe text's own is `\x5c` there. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\(?:134(?=x[0-9a-f]{2})|([0-7]{3}))/g, (_, octal: string | undefined) =>
    octal === undefined ? '\\x5c' : String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** What lies on top at each point: a later mount hides an earlier one. */
export const mountsByPoint = (mounts: readonly Mount[]): Map<string, Mount> =>
  new Map(mounts.map(mount => [mount.point, mount]));
