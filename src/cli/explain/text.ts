// An explanation as text for a terminal. Names and values are an attacker's: each is made visible and cut.

import { cutUnits, visible } from '../../output/ecs/json.ts';
import type { ConditionEvidence, ItemEvidence, PartEvidence, SelectionEvidence } from '../../rules/evidence.ts';
import type { CorrelationLine, Explanation, ProcessLine, RuleEvidence } from './explanation.ts';

const VALUE_UNITS = 300;
const PATTERNS_SHOWN = 5;

const WARNINGS: Readonly<Record<string, string>> = {
  argv_truncated: 'arguments, command lines or ancestors are cut: the rule saw more than this line holds',
  text_truncated: 'a long text is cut',
  list_truncated: 'a long list is cut',
  match_truncated: "not all that matched is in the alert's own list",
  records_truncated: 'audit records are cut',
  events_truncated: 'only the last of the contributing events are named',
  line_truncated: 'the line was too long: most of the event is left out',
};

/** `events`: one line for each contributing event that was found, by id. */
export function explanationText(e: Explanation, events: ReadonlyMap<string, string>): string {
  return [
    heading(e),
    evidence(e),
    e.correlation === undefined ? [] : correlation(e.correlation, events),
    overTime(e),
    processes(e),
    caveats(e),
    filter(e),
  ]
    .filter(lines => lines.length > 0)
    .map(lines => `${lines.join('\n')}\n`)
    .join('\n');
}

function cut(text: string): string {
  const shown = cutUnits(text, VALUE_UNITS);
  const rest = text.length - shown.length;
  return visible(shown) + (rest > 0 ? `… (${rest} more characters)` : '');
}

const quoted = (text: string): string => `"${cut(text)}"`;

function heading({ alert, rule }: Explanation): string[] {
  const where = rule.file === undefined ? '' : `, ${cut(rule.file)}`;
  const lost = rule.isLoaded ? '' : ' (not among the rules that are loaded: what follows is from the alert alone)';
  return [
    `alert ${cut(alert.id ?? '')}, ${cut(alert.level ?? 'no level')}, ${cut(alert.time ?? 'no time')}, on ${cut(alert.host ?? 'an unknown host')}`,
    cut(alert.message ?? ''),
    `rule ${cut(rule.id)}${where}${lost}`,
  ];
}

function evidence(e: Explanation): string[] {
  if (e.evidence.length > 0) return e.evidence.flatMap((one, i) => [...(i === 0 ? [] : ['']), ...ruleEvidence(one, e)]);
  if (e.matched.length === 0) return [];
  const lines = e.matched.map(({ selection, field, modifier, pattern, value }) => {
    const name = field === undefined ? 'keyword' : cut(field) + (modifier === undefined ? '' : `|${cut(modifier)}`);
    return `  yes  ${cut(selection)}: ${name} ${quoted(pattern)} in ${quoted(value)}`;
  });
  return ['what matched, as the alert says', ...lines];
}

function ruleEvidence({ rule, record, holds, condition }: RuleEvidence, e: Explanation): string[] {
  const of = rule.id === e.rule.id ? '' : ` of ${quoted(rule.title)}`;
  const lines = [`the condition${of}, ${cut(rule.file)}:${rule.line}`];
  if (record !== undefined) {
    const fields = Object.entries(record).map(([name, value]) => `${cut(name)}=${cut(value)}`);
    lines.push(`  of the record ${fields.join(' ')}`);
  }
  lines.push(...conditionLines(condition, 0));
  if (!holds)
    lines.push('  It does not hold of this line: the rule has changed since, or the line lacks what the rule saw.');
  return lines;
}

const line = (holds: boolean, depth: number, text: string): string =>
  `  ${holds ? 'yes' : 'no '}  ${'  '.repeat(depth)}${text}`;

function conditionLines(node: ConditionEvidence, depth: number): string[] {
  switch (node.kind) {
    case 'selection':
      return selectionLines(node, depth);
    case 'of': {
      const held = node.of.filter(one => one.holds).length;
      const text = `${node.count === node.of.length ? 'all' : node.count} of ${node.of.length}: ${held} hold`;
      return [line(node.holds, depth, text), ...node.of.flatMap(one => selectionLines(one, depth + 1))];
    }
    default: {
      const name = { and: 'all of these', or: 'one of these', not: 'not' }[node.kind];
      return [line(node.holds, depth, name), ...node.of.flatMap(one => conditionLines(one, depth + 1))];
    }
  }
}

function selectionLines({ name, filter: from, holds, of }: SelectionEvidence, depth: number): string[] {
  const text = cut(name) + (from === undefined ? '' : ` (of the filter ${quoted(from)})`);
  return [line(holds, depth, text), ...partLines(of, depth + 1)];
}

function partLines(part: PartEvidence, depth: number): string[] {
  if (part.kind === 'item') return [line(part.holds, depth, itemText(part))];
  const children = part.of.flatMap(one => partLines(one, part.kind === 'any' ? depth + 1 : depth));
  return part.kind === 'any' ? [line(part.holds, depth, 'one of these'), ...children] : children;
}

function itemText(item: ItemEvidence): string {
  const modifier = item.modifier === undefined ? '' : `|${item.modifier}`;
  const name = item.field === undefined ? `keyword${modifier}` : item.field + modifier;
  const held = item.patterns.filter(one => one.holds);
  const told = item.all && held.length < item.patterns.length ? item.patterns.filter(one => !one.holds) : held;
  if (told === held && held.length > 0) {
    const [first] = held;
    const values = item.all ? held.map(one => quoted(one.text)).join(' and ') : quoted(first!.text);
    const among = !item.all && item.patterns.length > 1 ? ` (one of ${item.patterns.length})` : '';
    return `${cut(name)}: ${values}${among}${first!.value === undefined ? '' : ` in ${quoted(first!.value)}`}`;
  }
  const tried = told === held ? item.patterns : told;
  const shown = tried.slice(0, PATTERNS_SHOWN).map(one => quoted(one.text));
  const more = tried.length > PATTERNS_SHOWN ? ` and ${tried.length - PATTERNS_SHOWN} more` : '';
  return `${cut(name)}: ${tried.length > 1 ? 'none of ' : 'not '}${shown.join(', ')}${more}; ${valuesText(item)}`;
}

function valuesText({ field, values, valueCount }: ItemEvidence): string {
  if (valueCount === 0) return field === undefined ? 'the event has no text' : `the event has no ${cut(field)}`;
  const shown = values.slice(0, PATTERNS_SHOWN).map(quoted);
  const more = valueCount > shown.length ? ` and ${valueCount - shown.length} more` : '';
  return `it is ${shown.join(', ')}${more}`;
}

function correlation(c: CorrelationLine, events: ReadonlyMap<string, string>): string[] {
  const lines = [`correlation ${cut(c.type)}${c.timespan === undefined ? '' : ` within ${cut(c.timespan)}`}`];
  for (const { field, value } of c.group) lines.push(`  group      ${cut(field)} = ${quoted(value)}`);
  if (c.condition !== undefined)
    lines.push(`  condition  ${cut(c.condition)}${c.value === undefined ? '' : `: ${c.value}`}`);
  if (c.first !== undefined) lines.push(`  window     ${cut(c.first)} to ${cut(c.last ?? '?')}`);
  const count = c.eventCount ?? c.events.length;
  lines.push(
    `  ${count} contributing ${count === 1 ? 'event' : 'events'}${count > c.events.length ? `, the last ${c.events.length}:` : ':'}`,
  );
  for (const id of c.events) lines.push(`    ${cut(id)}  ${cut(events.get(id) ?? '(not in what was read)')}`);
  return lines;
}

function overTime({ newTerms, suppressed }: Explanation): string[] {
  const lines: string[] = [];
  if (newTerms.length > 0) {
    lines.push(`new on this host: ${newTerms.map(({ field, value }) => `${cut(field)} ${quoted(value)}`).join(', ')}`);
  }
  if (suppressed !== undefined) lines.push(`${suppressed} more of the same were held back before it (suppress)`);
  return lines;
}

function processes({ processes: list, login }: Explanation): string[] {
  if (list.length === 0) return [];
  const lines = ['process, and what started it', ...list.map(processLine)];
  if (login === undefined) return lines;
  const { id, name, session, terminal, address } = login;
  const parts = [
    `login of ${cut(name ?? (id === undefined ? 'nobody known' : `uid ${id}`))}`,
    session === undefined ? undefined : `session ${cut(session)}`,
    terminal === undefined ? undefined : `on ${cut(terminal)}`,
    address === undefined ? undefined : `from ${cut(address)}`,
  ];
  return [...lines, `  ${parts.filter(part => part !== undefined).join(', ')}`];
}

function processLine({ pid, executable, commandLine, user, origin }: ProcessLine): string {
  const parts = [
    `pid ${pid}`,
    executable === undefined ? undefined : cut(executable),
    user === undefined ? undefined : `as ${cut(user)}`,
    origin === undefined ? undefined : `(known from ${cut(origin)})`,
  ];
  const command = commandLine === undefined ? '' : `: ${quoted(commandLine)}`;
  return `  ${parts.filter(part => part !== undefined).join(' ')}${command}`;
}

function caveats({ confidence, gap, warnings, cutArguments }: Explanation): string[] {
  const lines: string[] = [];
  if (confidence === 'complete') lines.push('nothing was lost around its time');
  else if (gap !== undefined) {
    const { count = '?', unit = 'events', source = '?', reason = '?', from = '?', to = '?' } = gap;
    lines.push(
      `${cut(count)} ${cut(unit)} were lost around its time (${cut(source)}, ${cut(reason)}, ${cut(from)} to ${cut(to)})`,
    );
  }
  if (cutArguments !== undefined) lines.push(`the line holds ${cutArguments[0]} of ${cutArguments[1]} arguments`);
  for (const code of warnings) {
    const meaning = Object.hasOwn(WARNINGS, code) ? `: ${WARNINGS[code]}` : '';
    lines.push(`warning ${cut(code)}${meaning}`);
  }
  return lines;
}

function filter({ filter: { text, notes } }: Explanation): string[] {
  const told = notes.map(note => `  ${cut(note)}`);
  if (text === undefined) return ['no filter', ...told];
  return ['a filter that silences this, to be kept beside the rules', ...told, '', ...text.trimEnd().split('\n')];
}
