// The optional block `puppy:` of a rule, parsed strictly: an unknown key is an error, for nobody else reads it. Pure.

import type { FieldBag, PuppyBlock, RuleTest, TimedEvent } from './ast.ts';
import { parseLogsource } from './parse-logsource.ts';
import { didYouMean, type Report } from './problem.ts';
import { parseTimespan } from './timespan.ts';
import { booleanOf, type MapNode, type Node, type Pair, pairOf, plainValue, scalarOf } from './yaml.ts';

const RESPONSES = ['kill'];
const TESTS_MAX = 1000;

/** Every mistake is reported; what is wrong is left out. */
export function parsePuppy(pair: Pair, report: Report): PuppyBlock {
  const reader = new Reader(report);
  const block = reader.map(pair.value, 'puppy', ['suppress', 'new_terms', 'respond', 'tests']);
  const suppress = block && pairOf(block, 'suppress');
  const newTerms = block && pairOf(block, 'new_terms');
  const respond = block && pairOf(block, 'respond');
  const tests = block && pairOf(block, 'tests');
  const parsedSuppress = suppress && reader.suppress(suppress.value);
  const parsedTerms = newTerms && reader.newTerms(newTerms.value);
  return {
    ...(parsedSuppress === undefined ? {} : { suppress: parsedSuppress }),
    ...(parsedTerms === undefined ? {} : { newTerms: parsedTerms }),
    ...(respond === undefined ? {} : { respond: reader.respond(respond.value) }),
    tests: tests === undefined ? [] : reader.tests(tests.value),
    range: pair.keyRange,
  };
}

class Reader {
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  #error(node: { readonly range: Node['range'] }, message: string, help?: string): undefined {
    this.#report('error', 'bad-puppy', node.range, message, help);
    return undefined;
  }

  /** A map with no other keys than `known`. */
  map(node: Node, what: string, known: readonly string[]): MapNode | undefined {
    if (node.kind !== 'map') return this.#error(node, `"${what}" must be a map`);
    for (const pair of node.pairs) {
      if (known.includes(pair.key)) continue;
      const help = didYouMean(pair.key, known) ?? `one of ${known.join(', ')}`;
      this.#error({ range: pair.keyRange }, `unknown key "${pair.key}" in "${what}"`, help);
    }
    return node;
  }

  #timespan(map: MapNode, key: string, what: string, isRequired: boolean): number | undefined {
    const node = pairOf(map, key)?.value;
    if (node === undefined) return isRequired ? this.#error(map, `"${what}" needs "${key}"`) : undefined;
    const ms = node.kind === 'scalar' ? parseTimespan(node.text) : undefined;
    if (ms === undefined || ms === 0) return this.#error(node, `"${key}" must be a time such as 30s, 10m, 2h or 7d`);
    return ms;
  }

  #names(map: MapNode, key: string, what: string): string[] | undefined {
    const node = pairOf(map, key)?.value;
    if (node === undefined) return this.#error(map, `"${what}" needs "${key}"`);
    const items = node.kind === 'list' ? node.items : [node];
    const names = items.flatMap(item => (item.kind === 'scalar' && item.text !== '' ? [item.text] : []));
    if (names.length !== items.length || names.length === 0)
      return this.#error(node, `"${key}" must be a list of field names`);
    return names;
  }

  suppress(node: Node): PuppyBlock['suppress'] | undefined {
    const map = this.map(node, 'suppress', ['group-by', 'timespan']);
    if (map === undefined) return undefined;
    const groupBy = this.#names(map, 'group-by', 'suppress');
    const timespanMs = this.#timespan(map, 'timespan', 'suppress', true);
    return groupBy === undefined || timespanMs === undefined ? undefined : { groupBy, timespanMs };
  }

  newTerms(node: Node): PuppyBlock['newTerms'] | undefined {
    const map = this.map(node, 'new_terms', ['fields', 'learn', 'forget']);
    if (map === undefined) return undefined;
    const fields = this.#names(map, 'fields', 'new_terms');
    const learnMs = this.#timespan(map, 'learn', 'new_terms', true);
    const forgetMs = this.#timespan(map, 'forget', 'new_terms', false);
    if (fields === undefined || learnMs === undefined) return undefined;
    return { fields, learnMs, ...(forgetMs === undefined ? {} : { forgetMs }) };
  }

  respond(node: Node): string[] {
    const items = node.kind === 'list' ? node.items : [node];
    return items.flatMap(item => {
      if (item.kind === 'scalar' && RESPONSES.includes(item.text)) return [item.text];
      const help = item.kind === 'scalar' ? didYouMean(item.text, RESPONSES) : undefined;
      this.#error(item, `a response must be one of ${RESPONSES.join(', ')}`, help);
      return [];
    });
  }

  tests(node: Node): RuleTest[] {
    if (node.kind !== 'list') {
      this.#error(node, '"tests" must be a list');
      return [];
    }
    if (node.items.length > TESTS_MAX) this.#error(node, `more than ${TESTS_MAX} tests`);
    return node.items.slice(0, TESTS_MAX).flatMap((item, i) => this.#test(item, i) ?? []);
  }

  #test(node: Node, index: number): RuleTest | undefined {
    const kinds = ['event', 'log', 'audit', 'events'] as const;
    const map = this.map(node, 'test', ['name', 'logsource', 'match', ...kinds]);
    if (map === undefined) return undefined;
    const given = kinds.filter(kind => pairOf(map, kind) !== undefined);
    const name = scalarOf(map, 'name')?.text ?? `test ${index + 1}`;
    const [kind] = given;
    if (kind === undefined || given.length > 1)
      return this.#error(map, `the test needs exactly one of ${kinds.join(', ')}`);
    const input = this.#input(kind, pairOf(map, kind)!.value);
    const match = this.#match(map);
    const logsourceNode = pairOf(map, 'logsource')?.value;
    const logsource = logsourceNode && parseLogsource(logsourceNode, this.#report);
    if (input === undefined || match === undefined) return undefined;
    return { name, range: map.range, input, match, ...(logsource === undefined ? {} : { logsource }) };
  }

  #match(map: MapNode): boolean | number | undefined {
    const node = pairOf(map, 'match')?.value;
    if (node === undefined) return this.#error(map, 'the test needs "match"');
    const answer = booleanOf(node);
    if (answer !== undefined) return answer;
    if (node.kind === 'scalar' && /^\d{1,6}$/.test(node.text)) return Number(node.text);
    return this.#error(node, '"match" must be true, false or a number of alerts');
  }

  #input(kind: 'event' | 'log' | 'audit' | 'events', node: Node): RuleTest['input'] | undefined {
    switch (kind) {
      case 'log':
        if (node.kind !== 'scalar') return this.#error(node, '"log" must be one line of text');
        return { kind, line: node.text };
      case 'audit':
        if (node.kind !== 'scalar') return this.#error(node, '"audit" must be audit records as text');
        return { kind, text: node.text };
      case 'event': {
        const event = this.#event(node);
        return event && { kind, event };
      }
      case 'events': {
        if (node.kind !== 'list') return this.#error(node, '"events" must be a list of {at, event}');
        const events = node.items.map(item => this.#timed(item));
        return events.every(item => item !== undefined) ? { kind, events } : undefined;
      }
    }
  }

  #timed(node: Node): TimedEvent | undefined {
    const map = this.map(node, 'events', ['at', 'logsource', 'event']);
    if (map === undefined) return undefined;
    const at = pairOf(map, 'at')?.value;
    const atMs = at === undefined ? 0 : at.kind === 'scalar' ? parseTimespan(at.text) : undefined;
    if (atMs === undefined) return this.#error(at ?? map, '"at" must be a time such as 0s or 20s');
    const eventNode = pairOf(map, 'event')?.value;
    const event = eventNode === undefined ? this.#error(map, 'expected "event"') : this.#event(eventNode);
    const logsourceNode = pairOf(map, 'logsource')?.value;
    const logsource = logsourceNode && parseLogsource(logsourceNode, this.#report);
    return event && { atMs, event, ...(logsource === undefined ? {} : { logsource }) };
  }

  #event(node: Node): FieldBag | undefined {
    if (node.kind !== 'map') return this.#error(node, '"event" must be a map of fields and values');
    return plainValue(node) as FieldBag;
  }
}
