// What a line of a log adds to its event: syslog's header and the text itself. Pure.

import type { LogFacts } from '../../core/event.ts';
import { facilityName, severityName } from '../../logs/syslog-names.ts';
import { type Caps, capped, put, unlessEmpty, type Warnings } from './caps.ts';
import type { JsonObject } from './json.ts';

function coded(code: number | undefined, name: string | undefined): JsonObject | undefined {
  return code === undefined || name === undefined ? undefined : { code, name };
}

/** `log.syslog` and `log.file`. */
export function logObject(log: LogFacts, caps: Caps, warnings: Warnings): JsonObject {
  const syslog: JsonObject = {};
  put(syslog, 'appname', capped(log.program, 512, warnings));
  if (log.pid !== undefined) syslog.procid = String(log.pid);
  put(syslog, 'hostname', capped(log.hostname, 512, warnings));
  put(syslog, 'facility', coded(log.facility, facilityName(log.facility)));
  put(syslog, 'severity', coded(log.severity, severityName(log.severity)));
  const object: JsonObject = {};
  put(object, 'syslog', unlessEmpty(syslog));
  const path = capped(log.path, caps.textBytes, warnings);
  if (path !== undefined) object.file = { path };
  return object;
}
