// The fields of a log's line: syslog's header, what its message says, and the names that messages give to their values. Data. Pure.

import { isIP } from 'node:net';
import type { AuditRecordEvent, HostEvent, LogFacts } from '../core/event.ts';
import { facilityName, severityName } from '../logs/syslog-names.ts';
import type { Rule } from './ast.ts';
import { plainIp } from './cidr.ts';
import type { Values } from './values.ts';

type LogEvent = AuditRecordEvent & { readonly log: LogFacts };

export const isLogEvent = (event: HostEvent): event is LogEvent => 'log' in event && event.log !== undefined;

/** Whether the rule's service has the line. */
export const isOfService = ({ logsource: { service } }: Rule, { log }: LogEvent): boolean =>
  service === undefined || log.services.includes(service);

/** The line from its tag on: keywords of rules are names of programs as well as their words. */
export const LOG_LINE = 'puppy.log.line';

function lineOf({ program, pid, message }: LogFacts): string {
  if (program === undefined) return message;
  return `${program}${pid === undefined ? '' : `[${pid}]`}: ${message}`;
}

type FromLog = (log: LogFacts, out: Values, event: AuditRecordEvent) => void;

const HEADER: Readonly<Record<string, FromLog>> = {
  [LOG_LINE]: (log, out) => out.add(lineOf(log)),
  message: ({ message }, out) => out.add(message),
  'event.original': ({ original, message }, out) => out.add(original ?? message),
  'log.syslog.appname': ({ program }, out) => out.add(program),
  'log.syslog.procid': ({ pid }, out) => out.addNumber(pid),
  'log.syslog.hostname': ({ hostname }, out) => out.add(hostname),
  'log.syslog.facility.name': ({ facility }, out) => out.add(facilityName(facility)),
  'log.syslog.severity.name': ({ severity }, out) => out.add(severityName(severity)),
  'log.file.path': ({ path }, out) => out.add(path),
  'user.name': ({ user }, out, { process }) => out.add(process?.image.credentials?.uid?.name ?? user),
  'user.target.name': (_log, out, { target }) => out.add(target?.name),
  'user.target.id': (_log, out, { target }) => out.addNumber(target?.id),
  'source.ip': (_log, out, { address }) => out.add(isAddress(address) ? plainIp(address) : undefined),
  'source.domain': (_log, out, { address }) => out.add(isAddress(address) ? undefined : address),
  'source.port': ({ port }, out) => out.addNumber(port),
  'puppy.login.terminal': (_log, out, { terminal }) => out.add(terminal),
  'puppy.login.address': (_log, out, { address }) => out.add(address),
};

const isAddress = (text: string | undefined): text is string => text !== undefined && isIP(text) !== 0;

/** Of sudo, PAM and useradd, as their messages write them. */
const NAMED =
  'USER TTY PWD COMMAND GROUP HOST TSID ENV CHROOT logname uid euid tty ruser rhost user name UID GID home from shell'.split(
    ' ',
  );

const collects = (from: FromLog) => (event: HostEvent, out: Values) => {
  if (isLogEvent(event)) from(event.log, out, event);
};

export const LOG_FIELDS: Readonly<Record<string, (event: HostEvent, out: Values) => void>> = Object.fromEntries([
  ...Object.entries(HEADER).map(([name, from]) => [name, collects(from)] as const),
  ...NAMED.map(name => [name, collects(({ fields }, out) => out.addAll(fields?.[name]))] as const),
]);
