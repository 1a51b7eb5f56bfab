// What is watched where the configuration doesn't say otherwise: what decides who may do what on a Debian, Ubuntu or RHEL host, what is
// run there without being asked for, and where attackers put things; and what changes there all the time without meaning anything. Data.
// Paths are patterns of the watch set, with `%web%` for the document roots. Symbolic links on the way to a pattern (/bin, /lib) are
// followed when watching starts.

/** A home directory's parts that are run or believed without being asked for, relative to it. */
const IN_HOME: readonly string[] = [
  // Shell start files and histories (emptied or linked to /dev/null by who hides), .rhosts, .forward, .pam_environment, and .ssh itself.
  '.*',
  '.ssh/**',
  // Programs in front of the system's in the search path.
  'bin/**',
  '.local/bin/**',
  // Units and programs started with the session.
  '.config/systemd/**',
  '.local/share/systemd/**',
  '.config/autostart/**',
  '.config/environment.d/**',
  '.config/plasma-workspace/**',
  // Other shells' start files and histories.
  '.config/fish/**',
  '.local/share/fish/fish_history',
  // Scripts where only settings belong.
  '.config/*/*.py',
  '.config/*/*.sh',
  // Run with every Python.
  '.local/lib/python3*/site-packages/*.pth',
  '.local/lib/python3*/site-packages/*customize.py',
  // Hooks and tasks that editors and assistants run.
  '.claude/*.js',
  '.claude/settings*.json',
  '.vscode/*.js',
  '.vscode/tasks.json',
];

const HOMES: readonly string[] = ['/root', '/home/*'];

export const DEFAULT_PATHS: readonly string[] = [
  // Configuration: accounts, sudo, PAM, sshd, cron, units, udev, the loader's preload list, audit's rules.
  '/etc/**',

  // Programs, and what runs with more rights than its caller.
  '/bin/**',
  '/sbin/**',
  '/usr/bin/**',
  '/usr/sbin/**',
  '/usr/libexec/**',
  '/usr/local/bin/**',
  '/usr/local/sbin/**',
  '/usr/local/libexec/**',
  '/usr/local/etc/**',
  '/opt/bin/**',
  '/opt/sbin/**',
  '/opt/*/bin/**',

  // Libraries that others are loaded with; PAM's and sudo's modules.
  '/usr/lib/*.so*',
  '/usr/lib64/*.so*',
  '/usr/lib/*-linux-gnu/*.so*',
  '/usr/local/lib/*.so*',
  '/usr/local/lib64/*.so*',
  '/usr/lib/security/**',
  '/usr/lib64/security/**',
  '/usr/lib/*-linux-gnu/security/**',
  '/lib/security/**',
  '/lib/*-linux-gnu/security/**',
  '/usr/lib/sudo/**',
  '/usr/libexec/sudo/**',
  '/usr/lib/openssh/**',

  // Started by systemd, udev, the kernel's loader, NetworkManager, D-Bus or the boot, without a word in /etc.
  '/lib/systemd/**',
  '/usr/lib/systemd/**',
  '/usr/local/lib/systemd/**',
  '/usr/lib/udev/**',
  '/lib/udev/**',
  '/usr/lib/*.d/**',
  '/lib/modules/**',
  '/usr/lib/modules/**',
  '/usr/lib/NetworkManager/**',
  '/usr/lib/polkit-1/**',
  '/usr/lib/apt/**',
  '/usr/lib/dracut/modules.d/**',
  '/usr/share/polkit-1/**',
  '/usr/share/dbus-1/system-services/**',
  '/usr/share/initramfs-tools/**',
  '/usr/share/pam-configs/**',
  '/boot/**',
  '/efi/**',
  '/run/systemd/system/**',
  '/run/udev/rules.d/**',

  // Run with every Python.
  '/usr/lib/python3*/*customize.py',
  '/usr/lib/python3*/*-packages/*.pth',
  '/usr/lib/python3*/*-packages/*customize.py',
  '/usr/lib/python3*/site-packages/dnf-plugins/*',
  '/usr/lib64/python3*/site-packages/*.pth',
  '/usr/local/lib/python3*/*-packages/*.pth',
  '/usr/local/lib/python3*/*-packages/*customize.py',
  '/usr/local/lib64/python3*/site-packages/*.pth',

  // Authorities that are believed, hooks of containers' starts, what the kubelet allows.
  '/usr/local/share/ca-certificates/**',
  '/usr/share/containers/oci/hooks.d/**',
  '/var/lib/kubelet/config.yaml',

  // Jobs.
  '/var/spool/cron/**',
  '/var/spool/at/**',
  '/var/spool/incron/**',
  '/var/spool/anacron/**',

  // Logs that are emptied or deleted; what is appended by a program that keeps its file open isn't told.
  '/var/log/*',
  '/var/log/*/*',

  // What runs with the host though no user is logged in, and pods that the kubelet starts by itself (its others are in /etc).
  '/var/lib/systemd/linger/*',
  '/var/lib/rancher/*/server/manifests/**',
  // Who makes a changed program look intact changes the list that it's compared with.
  '/var/lib/dpkg/info/*',
  '/var/lib/dpkg/status',
  '/var/lib/dpkg/diversions',

  // Sites, and the applications of Java servers.
  '%web%',
  '/var/lib/tomcat*/webapps/**',
  '/opt/tomcat*/webapps/**',
  '/usr/share/tomcat*/webapps/**',
  '/usr/sap/*/*/j2ee/cluster/apps/sap.com/irj/servlet_jsp/irj/**',

  // Where everybody may write: what is downloaded, unpacked and run.
  '/tmp/**',
  '/var/tmp/**',
  '/dev/shm/**',
  // Locks and pid files, whose names some backdoors imitate.
  '/run/*.pid',
  '/run/*.lock',

  ...HOMES.flatMap(home => [home, ...IN_HOME.map(part => `${home}/${part}`)]),
];

/** Never a name under which something would be run or believed: cron, sudo, run-parts and systemd pass over them too. */
export const DEFAULT_EXCLUDES: readonly string[] = [
  // Containers' own file systems as the host sees them: their files are watched as the containers'.
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/kubelet/pods',
  '/run/containerd',
  '/run/docker',
  '/home/*/.local/share/containers',
  '/home/*/.local/share/docker',

  // Stores and caches that are large and written all the time.
  '/var/log/journal',
  '/run/log/journal',
  '/var/cache',
  '/var/lib/apt/lists',
  '/var/log/sysstat',

  // Editors' copies beside what is edited: what is saved arrives under its own name.
  '/etc/**/.*.sw?',
  '/etc/**/*~',
  '/etc/**/.#*',
  '/root/.*.sw?',
  '/home/*/.*.sw?',

  // Written by the system as it runs.
  '/etc/.git',
  '/etc/.pwd.lock',
  '/etc/adjtime',
  '/etc/blkid.tab*',
  '/etc/cups/subscriptions.conf*',
  '/etc/lvm/archive',
  '/etc/lvm/backup',
  '/etc/lvm/cache',
  '/etc/mtab*',
  '/var/spool/anacron/cron.*',

  // State of the desktop and of tools, in files that nothing runs.
  ...HOMES.flatMap(home =>
    [
      '.ICEauthority*',
      '.Xauthority*',
      '.xsession-errors*',
      '.lesshst*',
      '.viminfo*',
      '.wget-hsts',
      '.claude.json*',
    ].map(name => `${home}/${name}`),
  ),
];
