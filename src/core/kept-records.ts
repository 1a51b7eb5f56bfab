// Events that outlive their batch. Pure.

import type { EventBase, RecordView } from './event.ts';

/** The event with records of its own: those of a batch are valid only while it's being processed. */
export function keepable<T extends EventBase>(event: T): T {
  return event.records === undefined ? event : { ...event, records: event.records.map(keptRecord) };
}

function keptRecord(record: RecordView): RecordView {
  const fields = new Map(record.entries());
  const fingerprint = record.fingerprint?.();
  return {
    type: record.type,
    get: name => (name === 'type' ? record.type : fields.get(name)),
    entries: () => fields,
    ...(record.fingerprint !== undefined && { fingerprint: () => fingerprint }),
  };
}
