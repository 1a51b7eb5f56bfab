// Which of Sigma's services a line belongs to, by the program that wrote it, its syslog facility and its file. Data and its look-up.
// Pure.

/** Programs by the service whose log Sigma's rules mean; lower case. */
const PROGRAMS: Readonly<Record<string, string>> = {
  sshd: 'sshd sshd-session sshd-auth',
  sudo: 'sudo',
  cron: 'cron crond crontab anacron',
  clamav: 'clamd clamav-daemon clamscan clamdscan clamonacc clamav-milter freshclam',
  vsftpd: 'vsftpd',
  guacamole: 'guacd guacamole',
  'syslog-ng': 'syslog-ng',
  // What writes to the facilities auth and authpriv.
  auth:
    'sshd sshd-session sshd-auth sudo su runuser login doas pkexec polkitd polkit-agent-helper-1 systemd-logind passwd chpasswd chage ' +
    'chfn chsh useradd userdel usermod newusers groupadd groupdel groupmod gpasswd newgrp unix_chkpwd dropbear gdm-password lightdm sddm',
};

const SERVICES_OF = new Map<string, string[]>();
for (const [service, programs] of Object.entries(PROGRAMS)) {
  for (const program of programs.split(' ')) SERVICES_OF.set(program, [...(SERVICES_OF.get(program) ?? []), service]);
}

/** The services that a rule may name; `syslog` is every line of the system's log. */
export const LOG_SERVICES: readonly string[] = [...Object.keys(PROGRAMS), 'syslog'];

const BY_FACILITY: ReadonlyMap<number, string> = new Map([
  [4, 'auth'],
  [9, 'cron'],
  [10, 'auth'],
]);

/** By the file's name as it is or was before rotation. A file of one program isn't the system's log. */
const BY_FILE: readonly (readonly [pattern: RegExp, service: string, isSystem: boolean])[] = [
  [/^(auth\.log|secure)\b/, 'auth', true],
  [/^cron(\.log)?\b/, 'cron', true],
  [/^(clamav|clamd|freshclam)\.log\b/, 'clamav', false],
  [/^vsftpd\.log\b/, 'vsftpd', false],
];

const NONE: readonly string[] = [];

export interface Place {
  readonly program?: string | undefined;
  readonly facility?: number | undefined;
  readonly path?: string | undefined;
}

export function servicesOf({ program, facility, path }: Place): readonly string[] {
  const found = new Set<string>(program === undefined ? NONE : SERVICES_OF.get(program.toLowerCase()));
  const ofFacility = facility === undefined ? undefined : BY_FACILITY.get(facility);
  if (ofFacility !== undefined) found.add(ofFacility);
  const name = path?.slice(path.lastIndexOf('/') + 1);
  const file = name === undefined ? undefined : BY_FILE.find(([pattern]) => pattern.test(name));
  if (file !== undefined) found.add(file[1]);
  if (file === undefined || file[2]) found.add('syslog');
  return [...found];
}

/** Where programs lie that users can't replace. */
const SYSTEM_FOLDERS = /^\/(usr|bin|sbin|lib|lib64|libexec|opt|snap|nix\/store|gnu\/store)\//;

/** Run by users, and logging as them: gone before the journal could look who it was, as any quick program is. */
const SET_UID = new Set('sudo su doas pkexec passwd chage chfn chsh gpasswd newgrp unix_chkpwd crontab'.split(' '));

/**
 * Whether a line that names `program` is that program's. Root may write what it likes; anybody else's line must come from an
 * executable of the name, or every user could write as sshd.
 */
export function isAuthentic(
  program: string | undefined,
  uid: number | undefined,
  executable: string | undefined,
): 'yes' | 'perhaps' | 'no' {
  if (uid === 0) return 'yes';
  const name = program?.toLowerCase();
  if (name === undefined || !SERVICES_OF.has(name)) return 'no';
  if (executable === undefined) return SET_UID.has(name) ? 'perhaps' : 'no';
  if (!SYSTEM_FOLDERS.test(executable)) return 'no';
  return executable.slice(executable.lastIndexOf('/') + 1).toLowerCase() === name ? 'yes' : 'no';
}
