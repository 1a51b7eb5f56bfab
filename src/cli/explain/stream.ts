// Which of a rule's events an alert's event is.

import type { HostEvent } from '../../core/event.ts';
import type { Logsource } from '../../rules/ast.ts';
import { FILE_STREAMS, type FileStream, isFileStream, type Stream } from '../../rules/fields.ts';
import { isLogEvent } from '../../rules/log-fields.ts';
import { streamsOf } from '../../rules/logsource.ts';
import { isConnection, isDnsEvent } from '../../rules/network-fields.ts';

/** Undefined where nothing feeds the rule, or it was about another event. */
export function streamOf(logsource: Logsource, event: HostEvent): Stream | undefined {
  const isOf: Readonly<Record<Exclude<Stream, FileStream>, boolean>> = {
    exec: event.kind === 'exec',
    network: isConnection(event),
    dns: isDnsEvent(event),
    log: isLogEvent(event),
    record: event.records !== undefined,
  };
  return streamsOf(logsource).find(stream =>
    isFileStream(stream) ? (FILE_STREAMS[stream] as readonly string[]).includes(event.kind) : isOf[stream],
  );
}
