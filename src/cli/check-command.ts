// `check`: arguments of the command whose body is check.ts.

import { AuditObserver } from '../audit/observe.ts';
import { AuditReplay } from '../audit/replay.ts';
import type { HostEvent } from '../core/event.ts';
import { enrich } from '../proc/enrich.ts';
import { noFacts } from '../proc/facts.ts';
import { ProcessTable } from '../proc/table.ts';
import { rulePaths } from '../rules-loading.ts';
import { choice, readArguments } from './args.ts';
import { check } from './check.ts';
import type { Command, Io } from './io.ts';

const ARGV_MAX_BYTES = 256 * 1024;

/** Records as text to events, through the stages that live records go through. */
function auditEvents(text: string): readonly HostEvent[] {
  const events: HostEvent[] = [];
  const table = new ProcessTable(noFacts);
  const observer = new AuditObserver();
  const replay = new AuditReplay({ argvMaxBytes: ARGV_MAX_BYTES }, event => {
    const observation = observer.observe(event, event.timeMs);
    if (observation !== undefined) events.push(enrich(observation, table));
  });
  try {
    replay.feed(Buffer.from(text));
    replay.finish();
    const { lines, notAudit, unknownType, malformed } = replay.stats();
    const wrong = notAudit + unknownType + malformed;
    if (wrong > 0) throw new Error(`${wrong} of ${lines} lines are no audit records`);
    return events;
  } finally {
    replay.close();
  }
}

function run(argv: readonly string[], io: Io): number {
  const args = readArguments(argv, { format: { type: 'string' } }, ['rules', 'strict']);
  const format = choice(args, 'format', ['text', 'json']) ?? 'text';
  const given = args.settings.rules as readonly string[] | undefined;
  return check({
    paths: rulePaths([...(given ?? []), ...args.operands]),
    format,
    strict: args.settings.strict === true,
    auditEvents,
    write: io.out,
  });
}

export const checkCommand: Command = {
  summary: 'validate rules, lint them, run their tests',
  help: `puppy-hids check [--rules] PATH... [--format text|json] [--strict]

Reads rule files and folders, tells every mistake with file, line and column, and runs the tests that rules carry.
Exit codes: 0 all well; 1 a test failed, or with --strict something was warned about; 2 a rule is wrong.

With --format json one object is written, for editors and scripts:
  summary   how many files, rules, rejected, canFire, cannotFire, tests, testsFailed, errors, warnings
  problems  a list, by file and place: {file, line, column, end_column, severity, code, message, help}
            line and column count from 1, end_column is the one behind, all on that line; columns count UTF-16 units, as editors do.
            A problem of a whole file has no place. severity is "error" or "warning"; code is short and stays the same over
            versions; help is what to write instead, where that is known. A failed test has the code "test-failed".
  rules     each detection rule, with whether it can fire: {id, title, level, file, stream, canFire, reason, needs}
`,
  run,
};
