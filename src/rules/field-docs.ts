// What each field holds, in a line: for people who write rules. Data; the names are those of fields.ts, and a test holds them
// together.

const IMAGE: Readonly<Record<string, string>> = {
  pid: 'process id',
  executable: 'resolved path of the executable',
  name: "the executable's file name",
  args: 'each argument, the program first',
  args_count: 'number of arguments',
  command_line: 'arguments joined by one space, nothing quoted',
  working_directory: 'working directory',
  'user.id': 'effective user id',
  'user.name': 'effective user',
  'real_user.id': 'real user id',
  'real_user.name': 'real user',
  'saved_user.id': 'saved user id',
  'saved_user.name': 'saved user',
  'group.id': 'effective group id',
  'group.name': 'effective group',
  'real_group.id': 'real group id',
  'real_group.name': 'real group',
  'saved_group.id': 'saved group id',
  'saved_group.name': 'saved group',
};

const FILE_STATE: Readonly<Record<string, string>> = {
  type: 'file, dir, symlink, fifo, socket or device',
  mode: 'permissions in four octal digits: 0644, 4755',
  owner: 'user that owns it',
  uid: 'user id of its owner',
  group: 'group that owns it',
  gid: 'group id',
  size: 'bytes',
  inode: 'inode number',
  target_path: 'where a symbolic link leads',
  'hash.sha256': 'SHA-256 of the content',
  'hash.sha1': 'SHA-1 of the content, where fsnotify.hashes asks for it',
  'hash.md5': 'MD5 of the content, where fsnotify.hashes asks for it',
};

const FIELD_DOCS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(IMAGE).flatMap(([name, text]) => [
      [`process.${name}`, text],
      [`process.parent.${name}`, `of the parent: ${text}`],
    ]),
  ),
  Image: "the executable's resolved path, the path that was invoked, a script's own path: any of them matches",
  ParentImage: 'the same of the parent',
  LogonId: 'user id of the login, 0 without a login',
  'user.id': 'real user id',
  'user.name': 'real user; in a log who acted, as the message says',
  'puppy.login.id': 'user id of the login that the process descends from',
  'puppy.login.name': 'user of that login',
  'puppy.login.session': 'session of that login',
  'puppy.login.terminal': 'terminal of that login',
  'puppy.login.address': 'address that the login came from',
  'puppy.process.comm': "the kernel's name of the task, at most 15 characters",
  'puppy.process.tty': 'terminal; null for services, cron and scripts',
  'puppy.process.root': "foreign where the process has another root directory than the host's",
  'puppy.process.invoked': 'the path that was invoked, and the scripts between',
  'container.id': 'id of the container that the process is in; null on the host',
  'container.name': "the container's name, once its runtime has told it",
  'container.runtime': 'docker, containerd, cri-o, podman, lxc, nspawn',
  'container.image.name': "name of the container's image, without its tag",
  'container.image.tag': "the image's tag",
  'orchestrator.namespace': 'Kubernetes namespace of the pod',
  'orchestrator.resource.name': 'name of the Kubernetes pod',
  'orchestrator.resource.id': 'uid of the Kubernetes pod',
  'puppy.container.drift':
    "'true' where the executable, or the script, was written in the container: its image doesn't have it",
  'puppy.ancestors.pid': 'process ids of up to 16 ancestors',
  'puppy.ancestors.executable': 'executables of up to 16 ancestors',
  'puppy.ancestors.name': 'file names of those executables',
  'puppy.ancestors.command_line': 'command lines of up to 16 ancestors',
  'file.path': "path of the file, in its container's own view; of renamed the new one",
  'file.name': 'name of the file',
  'file.directory': 'directory of the file',
  'file.extension': 'what follows the last dot of the name',
  ...Object.fromEntries(
    Object.entries(FILE_STATE).flatMap(([name, text]) => [
      [`file.${name}`, text],
      [`puppy.file.previous.${name}`, `as it was last known before: ${text}`],
    ]),
  ),
  Hashes: 'SHA256=... in small letters, and the other algorithms of fsnotify.hashes',
  'puppy.file.host_path': "the host's path of a container's file",
  'puppy.file.moved_to': 'where a deleted file was moved to, out of what is watched',
  'puppy.file.capabilities': 'file capabilities: cap_net_raw=ep',
  'puppy.file.previous.path': 'path before the rename',
  'puppy.file.previous.capabilities': 'as they were last known before: file capabilities',
  'puppy.file.package.manager': 'dpkg or rpm, where a package has the file',
  'puppy.file.package.name': 'package that has the file',
  'puppy.file.package.version': 'version of that package',
  'puppy.file.package.state':
    "'installing': the package manager made the change; 'intact': as the package has it; 'changed': it isn't",
  'puppy.file.diff': 'what changed in a small text file, as diff -u shows it',
  'event.action': 'kind of event: exec, connect, accept, created, modified, log_line, ...',
  'event.module': 'source of the event: audit, fsnotify, logs',
  'event.outcome': 'success, failure, unknown',
  'error.code': "the errno's name: ECONNREFUSED",
  'puppy.warnings': 'codes of what was odd',
  Initiated: "'true' where this host connected, 'false' where it accepted",
  'source.ip': 'address of who connected; in a log the address that the message names',
  'source.port': 'port of who connected',
  'source.domain': 'host name of who connected',
  'destination.ip': 'address that was connected to',
  'destination.port': 'port that was connected to',
  'destination.domain': 'host name that was connected to',
  DestinationIsIpv6: "'true' or 'false'",
  SourceIsIpv6: "'true' or 'false'",
  'network.transport': 'tcp, udp, ...; absent until a packet tells it',
  'network.type': 'ipv4 or ipv6',
  'network.direction': 'egress or ingress',
  'puppy.log.line': 'the line from its program on: what keywords are looked for in',
  message: "a line's text without its header",
  'event.original': 'the whole line',
  'log.syslog.appname': 'the program that wrote the line',
  'log.syslog.procid': "that program's process id, as the line says",
  'log.syslog.hostname': 'the host, as the line says',
  'log.syslog.facility.name': 'syslog facility: auth, authpriv, cron, ...',
  'log.syslog.severity.name': 'syslog severity: error, warning, ...',
  'log.file.path': 'the file that the line is from',
  'user.target.name': 'the account that was acted on',
  'user.target.id': 'its user id',
};

/** What a message itself names; the program that writes it so. */
const NAMED: Readonly<Record<string, string>> = {
  sudo: 'USER TTY PWD COMMAND GROUP HOST TSID ENV CHROOT',
  PAM: 'logname uid euid tty ruser rhost user',
  useradd: 'name UID GID home from shell',
};

export function fieldDoc(name: string): string | undefined {
  if (Object.hasOwn(FIELD_DOCS, name)) return FIELD_DOCS[name];
  for (const [program, names] of Object.entries(NAMED)) {
    if (names.split(' ').includes(name)) return `the value that ${program} writes as ${name}`;
  }
  return undefined;
}
