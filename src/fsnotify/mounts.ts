// The mount table: where another file system begins, and which of them are not walked. Pure.

export interface Mount {
  readonly id: string;
  readonly point: string;
  readonly type: string;
}

/** Kernel interfaces that hold no files, and file systems whose server may be gone: asking them can hang. */
const NOT_WALKED = new Set([
  ...['proc', 'sysfs', 'cgroup', 'cgroup2', 'devpts', 'securityfs', 'debugfs', 'tracefs', 'pstore', 'bpf', 'configfs'],
  ...['efivarfs', 'fusectl', 'mqueue', 'hugetlbfs', 'binfmt_misc', 'rpc_pipefs', 'nsfs', 'selinuxfs', 'autofs'],
  ...['nfs', 'nfs4', 'cifs', 'smb3', 'ceph', 'afs', '9p', 'glusterfs', 'lustre', 'ncpfs', 'fuse'],
]);

export const isWalked = (type: string): boolean => !NOT_WALKED.has(type) && !type.startsWith('fuse.');

/** proc(5): `36 35 98:0 /root /point options [optional…] - type source options`. Spaces and the like are `\040`. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const words = line.split(' ');
    const dash = words.indexOf('-', 6);
    const [id, , , , point] = words;
    const type = words[dash + 1];
    if (dash < 0 || id === undefined || point === undefined || type === undefined) continue;
    mounts.push({
      id,
      point: point.replace(/\\([0-7]{3})/g, (_, o) => String.fromCharCode(Number.parseInt(o, 8))),
      type,
    });
  }
  return mounts;
}

/** What lies on top at each point: a later mount hides an earlier one. */
export const mountsByPoint = (mounts: readonly Mount[]): Map<string, Mount> =>
  new Map(mounts.map(mount => [mount.point, mount]));
