// Lints of what a rule says about itself: id, status, dates, tags, relations. Pure.

import { didYouMean, nearestWord } from '../problem.ts';
import { headOf, type MapNode, type Node, pairOf, type Scalar, scalarOf } from '../yaml.ts';
import { type Finding, quoted } from './finding.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const RELATIONS = ['derived', 'obsolete', 'merged', 'renamed', 'similar'];

/** ATT&CK's tactics as tags name them: release 19, and the older `defense-evasion`. */
export const TACTIC_TAGS: readonly string[] = [
  ...['reconnaissance', 'resource-development', 'initial-access', 'execution', 'persistence', 'privilege-escalation'],
  ...['stealth', 'defense-impairment', 'defense-evasion', 'credential-access', 'discovery', 'lateral-movement'],
  ...['collection', 'command-and-control', 'exfiltration', 'impact'],
];
const ATTACK_ID = /^(?:t\d{4}(?:\.\d{3})?|(?:g|s|ds|m|a)\d{4})$/;
/** The namespaces of Sigma's tags appendix, with what may follow. Others are anybody's own. */
const NAMESPACES: Readonly<Record<string, { readonly form: RegExp; readonly words: readonly string[] }>> = {
  attack: { form: ATTACK_ID, words: TACTIC_TAGS },
  car: { form: /^\d{4}-\d{2}-\d{3}$/, words: [] },
  cve: { form: /^\d{4}[-.]\d{4,}$/, words: [] },
  d3fend: { form: /^d3[f-]?-?\w+$/i, words: ['model', 'harden', 'detect', 'isolate', 'deceive', 'evict'] },
  detection: { form: /^$/, words: ['dfir', 'emerging-threats', 'threat-hunting'] },
  stp: { form: /^[1-5][auk]?$/, words: [] },
  tlp: { form: /^$/, words: ['red', 'amber', 'amber-strict', 'green', 'clear'] },
};

/** For every kind of document: detection rules, correlations, filters. */
export function* metadata(map: MapNode): Generator<Finding> {
  const place = headOf(map);
  const id = scalarOf(map, 'id');
  if (id !== undefined && !UUID.test(id.text)) {
    const help = '"uuidgen -r" makes one; keep it for the life of the rule';
    yield { code: 'malformed-id', range: id.range, message: `the id ${quoted(id.text)} is not a UUID`, help };
  }
  if (pairOf(map, 'status') === undefined) {
    const help = 'add "status: experimental", test or stable';
    yield { code: 'missing-status', range: place, message: 'the rule has no status', help };
  }
  for (const key of ['date', 'modified']) {
    const date = scalarOf(map, key);
    if (date === undefined || /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/.test(date.text)) continue;
    yield {
      code: 'malformed-date',
      range: date.range,
      message: `${quoted(date.text)} is not a date as Sigma writes it`,
      help: 'write YYYY-MM-DD',
    };
  }
  for (const tag of itemsOf(map, 'tags')) if (tag.kind === 'scalar') yield* tagFindings(tag.text, tag.range);
  for (const related of itemsOf(map, 'related')) yield* relatedFindings(related);
}

function itemsOf(map: MapNode, key: string): readonly Node[] {
  const node = pairOf(map, key)?.value;
  return node?.kind === 'list' ? node.items : [];
}

function* tagFindings(tag: string, range: Scalar['range']): Generator<Finding> {
  const dot = tag.indexOf('.');
  const [namespace, name] = [tag.slice(0, dot).toLowerCase(), tag.slice(dot + 1).toLowerCase()];
  if (dot <= 0 || name === '' || /\s/.test(tag)) {
    const word = nearestWord(tag, TACTIC_TAGS);
    const help = word === undefined ? 'write namespace.name, as in attack.t1059' : `did you mean "attack.${word}"?`;
    yield { code: 'malformed-tag', range, message: `the tag ${quoted(tag)} is not namespace.name`, help };
    return;
  }
  if (!Object.hasOwn(NAMESPACES, namespace)) {
    const near = didYouMean(namespace, Object.keys(NAMESPACES));
    if (near === undefined) return;
    yield { code: 'unknown-tag', range, message: `no namespace of tags is named "${namespace}"`, help: near };
    return;
  }
  const { form, words } = NAMESPACES[namespace]!;
  if (form.test(name) || words.includes(name)) return;
  const hyphened = name.replaceAll('_', '-');
  if (words.includes(hyphened)) {
    const message = `the tag ${quoted(tag)} is of Sigma 1: names are written with hyphens now`;
    yield { code: 'deprecated-tag', range, message, help: `write ${namespace}.${hyphened}` };
    return;
  }
  const word = nearestWord(name, words);
  const near = word === undefined ? {} : { help: `did you mean "${namespace}.${word}"?` };
  yield { code: 'unknown-tag', range, message: `${quoted(tag)} is no tag of "${namespace}"`, ...near };
}

function* relatedFindings(node: Node): Generator<Finding> {
  const type = node.kind === 'map' ? scalarOf(node, 'type') : undefined;
  if (node.kind !== 'map' || type === undefined || scalarOf(node, 'id') === undefined) {
    const message = 'a relation needs an id and a type';
    yield { code: 'malformed-relation', range: node.range, message, help: 'write {id: …, type: derived}' };
    return;
  }
  if (RELATIONS.includes(type.text)) return;
  const help = didYouMean(type.text, RELATIONS) ?? `one of ${RELATIONS.join(', ')}`;
  yield {
    code: 'malformed-relation',
    range: type.range,
    message: `unknown type of relation ${quoted(type.text)}`,
    help,
  };
}
