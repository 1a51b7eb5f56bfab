// Syslog's numbers and names (RFC 5424, 6.2.1). Data. Pure.

const FACILITIES = (
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp security console solaris-cron ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ');
const SEVERITIES = 'emergency alert critical error warning notice informational debug'.split(' ');
/** As configuration files and busybox write them. */
const SHORT_SEVERITIES = 'emerg alert crit err warn notice info debug'.split(' ');

export const facilityName = (code: number | undefined): string | undefined =>
  code === undefined ? undefined : FACILITIES[code];
export const severityName = (code: number | undefined): string | undefined =>
  code === undefined ? undefined : SEVERITIES[code];

export interface Priority {
  readonly facility: number;
  readonly severity: number;
}

/** Of `<86>`'s number. */
export function priorityOf(number: number): Priority | undefined {
  return number >= 0 && number < FACILITIES.length * 8 ? { facility: number >> 3, severity: number & 7 } : undefined;
}

/** Of `authpriv.info`, which busybox writes before the tag. */
export function priorityOfNames(text: string): Priority | undefined {
  const dot = text.indexOf('.');
  const facility = FACILITIES.indexOf(text.slice(0, dot));
  const severity = SHORT_SEVERITIES.indexOf(text.slice(dot + 1));
  return dot < 0 || facility < 0 || severity < 0 ? undefined : { facility, severity };
}
