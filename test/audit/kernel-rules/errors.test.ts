import { expect, test } from 'bun:test';
import { parseRule } from '../../../src/audit/kernel-rules/parse.ts';
import { context } from './context.ts';

const LONG = 'x'.repeat(5000);

/** Each text with the part of it that the error points at, and what the error says. */
const MISTAKES: readonly (readonly [text: string, at: string, message: RegExp])[] = [
  ['', '', /^a rule was expected$/],
  ['# only a comment', '#', /^a rule was expected$/],
  ['open', 'open', /an option was expected, not "open"/],
  ['-a always,exit -S open # why', '#', /a comment has a line of its own/],
  ['-x', '-x', /unknown option "-x"/],
  ['--backlog_wait_tme 5', '--backlog_wait_tme', /did you mean "--backlog_wait_time"/],
  ['-R /etc/rules', '-R', /a command of auditctl/],
  ['-l', '-l', /a command of auditctl/],
  ['-a', '-a', /-a needs a value/],
  ['-a exit', 'exit', /takes a list and an action/],
  ['-a exit,always,never', 'exit,always,never', /takes a list and an action/],
  ['-a always,never', 'never', /takes a list and an action/],
  ['-a exit,user', 'user', /takes a list and an action/],
  ['-a exot,always', 'exot', /unknown list or action "exot"; did you mean "exit"/],
  ['-a exit,alwys', 'alwys', /did you mean "always"/],
  ['-a entry,always', 'entry', /the entry list is no more/],
  ['-a exit,possible', 'possible', /deprecated/],
  ['-a exit,always -a exit,never', '-a exit,never', /one rule a line/],
  ['-a exit,always -w /x', '-w', /one rule a line/],
  ['-F uid=0 -a exit,always', '-F', /needs a list or a watch before it/],
  ['-e 1 -a exit,always', '-a', /have a line of their own/],
  ['-a exit,always -e 1', '-e', /has a line of its own/],
  ['-D -F uid=0', '-F', /-D takes only -k/],
  ['-D -k a -k b', '-k b', /only one key/],
  ['-b -5', '-5', /isn't negative/],
  ['-r 1x', '1x', /a number of 32 bits/],
  ['-f panic', 'panic', /0, 1 or 2/],
  ['--reset-lost=5', '--reset-lost=5', /takes no value/],
  ['-a always,exit -S opne', 'opne', /unknown syscall of x86_64 "opne"; did you mean "open"/],
  [
    '-a always,exit -F arch=b32 -S open,accept,close',
    'accept',
    /unknown syscall of i386 "accept"; did you mean "accept4"/,
  ],
  ['-a always,exit -S open,,close', ',close', /a syscall name or number was expected/],
  ['-a always,exit -S 2048', '2048', /less than 2048/],
  ['-a always,exit -S -5', '-5', /unknown syscall/],
  ['-a always,io_uring -S conect', 'conect', /unknown io_uring operation "conect"; did you mean "connect"/],
  ['-a always,user -S open', '-S', /the user list takes no syscalls/],
  ['-a never,task -S open', '-S', /the task list takes no syscalls/],
  ['-w /etc -S open', '-S', /covers all syscalls/],
  ['-a always,exit -S open -F arch=b64', 'arch=b64', /arch must be before -S/],
  ['-a always,exit -F arch=x86-64', 'x86-64', /unknown architecture "x86-64"; did you mean "x86_64"/],
  ['-a always,exit -F arch>b64', '>', /takes the operators = and !=/],
  ['-a always,exit -F uid', 'uid', /needs an operator/],
  ['-a always,exit -F =5', '=5', /needs a field's name/],
  ['-a always,exit -F uid=', 'uid=', /needs a value/],
  ['-a always,exit -F uidd=0', 'uidd', /unknown field "uidd"; did you mean "uid"/],
  ['-a always,exit -F sucess=1', 'sucess', /did you mean "success"/],
  ['-a always,exit -F UID=0', 'UID', /did you mean "uid"/],
  ['-a always,exit -F f1=0', 'f1', /unknown field/],
  ['-a always,exit -F field_compare=1', 'field_compare', /compared by -C/],
  ['-a always,exit -F uid=nobody-such', 'nobody-such', /unknown user/],
  ['-a always,exit -F gid=nobody-such', 'nobody-such', /unknown group/],
  ['-a always,exit -F pid=1x', '1x', /takes a number of 32 bits/],
  ['-a always,exit -F pid=4294967296', '4294967296', /32 bits/],
  ['-a always,exit -F pid=-2147483649', '-2147483649', /32 bits/],
  ['-a always,exit -F pid=08', '08', /32 bits/],
  ['-a always,exit -F pid=self', 'self', /takes a number, not "self"/],
  ['-a always,exit -F pid&1', '&', /only for a0/],
  ['-a always,exit -F exit=-EACESS', '-EACESS', /unknown errno "-EACESS"; did you mean "EACCES"/],
  ['-a always,exit -F perm=rwz', 'rwz', /"z" is no permission/],
  ['-a always,exit -F perm=rwxar', 'rwxar', /one to four/],
  ['-a always,exit -F perm!=r', '!=', /only the operator =/],
  ['-a always,exit -F filetype=directory', 'directory', /known: socket, link, file/],
  ['-a always,exit -F saddr_fam=inet66', 'inet66', /did you mean "inet6"/],
  ['-a always,exit -F saddr_fam=46', '46', /less than 46/],
  ['-a always,exit -F path=etc', 'etc', /starts with \//],
  ['-a always,exit -F path=/etc/', '/etc/', /there is dir/],
  [`-a always,exit -F path=/${LONG}`, `/${LONG}`, /longer than 4095 bytes/],
  [`-w /${LONG.slice(0, 256)}`, `/${LONG.slice(0, 256)}`, /longer than 255 bytes/],
  ['-a always,exit -F exe>=/bin/sh', '>=', /takes the operators/],
  ['-a always,exit -F msgtype=AVC', 'msgtype', /exclude and user lists/],
  ['-a never,exclude -F msgtype=AVCC', 'AVCC', /did you mean "AVC"/],
  ['-a never,exclude -F euid=0', 'euid', /exclude list takes only/],
  ['-a never,exclude -F msgtype=AVC -k x', 'x', /have no key/],
  ['-a never,user -F exit=0', 'exit', /only for the exit list/],
  ['-a never,filesystem -F uid=0', 'uid', /only the field fstype/],
  ['-a always,exit -F fstype=tracefs', 'fstype', /filesystem list/],
  ['-a never,task -F sessionid=1', 'sessionid', /exit and user/],
  ['-a always,exit -C uid=0', '0', /can't be compared with "0", only with/],
  ['-a always,exit -C uid=gid', 'gid', /only with obj_uid, auid/],
  ['-a always,exit -C udi=euid', 'udi', /did you mean "uid"/],
  ['-a always,exit -C uid>euid', '>', /= and !=/],
  ['-a never,user -C uid=euid', 'uid=euid', /only for the exit list/],
  ['-a always,exit -p r', '-p', /needs a watch or a field/],
  ['-a never,user -p r', '-p', /only for the exit list/],
  ['-a always,exit -k key', 'key', /a key needs a watch/],
  ['-a always,exit -S open -F key=', 'key=', /needs a value/],
  ['-a always,exit -S open -k ""', '""', /an empty key/],
  ['-a always,exit -S open -k a\\x01b', 'a\\x01b', /bytes 0 and 1/],
  [
    `-a always,exit -S open -k ${LONG.slice(0, 200)} -k y${LONG.slice(0, 55)}`,
    `y${LONG.slice(0, 55)}`,
    /256 bytes together/,
  ],
  ['-w /a\\x00b', '/a\\x00b', /zero byte/],
  ['-w "/etc', '"', /no closing "/],
  ["-w /etc -k it's", "'", /no closing '/],
  ['-w /a\x07b', '\x07', /control character/],
  [`-a always,exit -S open ${'-F uid=0 '.repeat(65)}`, 'uid=0', /at most 64 fields/],
  [`-w /${'a'.repeat(70000)}`, '-', /line is longer/],
];

for (const [text, at, message] of MISTAKES) {
  test(`${message.source}: ${text.slice(0, 80)}`, () => {
    const parsed = parseRule(text, context());
    if (!('error' in parsed)) throw new Error('it was read');
    expect(parsed.error.message).toMatch(message);
    expect(parsed.error.message.length).toBeLessThan(300);
    expect(text.slice(parsed.error.column - 1).startsWith(at.slice(0, parsed.error.length))).toBe(true);
    expect(parsed.error.length).toBeGreaterThan(0);
  });
}

test('64 fields are not too many', () => {
  expect(parseRule(`-a always,exit -S open ${'-F uid=0 '.repeat(64)}`, context())).toHaveProperty('ok');
});
