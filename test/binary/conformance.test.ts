// Sigma's semantics through the compiled program: the conformance file beside the project as rules with tests for `check`, and as
// events for `replay`.

import { afterAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Document, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { hasSigma, SIGMA } from '../rules/helpers.ts';
import { executable as built } from './executable.ts';

const executable = process.env.PUPPY_BINARY ?? built;
const folder = mkdtempSync(join(tmpdir(), 'puppy-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Fields = Readonly<Record<string, unknown>>;

interface Case {
  readonly id: string;
  readonly logsource?: object;
  readonly filters?: readonly { readonly logsource: object }[];
  readonly id_of_rule?: string;
  readonly expect?: 'reject';
  readonly tests?: readonly { readonly event: Fields; readonly match: boolean; readonly logsource?: object }[];
}

interface CorrelationCase {
  readonly id: string;
  readonly docs: readonly { readonly name: string; readonly correlation?: object }[];
  readonly events: readonly Fields[];
  readonly expect: 'reject' | Readonly<Record<string, boolean>>;
}

const document = hasSigma ? parseDocument(readFileSync(join(SIGMA, 'conformance.yml'), 'utf8')) : undefined;
const correlations = (document?.toJS().correlations ?? []) as readonly CorrelationCase[];
/** Each with its detection as the YAML that it was written in. */
const cases = ((document?.get('cases') as { items?: YAMLMap[] } | undefined)?.items ?? []).filter(isMap).map(item => {
  const detection = item.items.find(pair => isScalar(pair.key) && pair.key.value === 'detection')!.value;
  return { entry: item.toJSON() as Case, detection: new Document(detection).toString().replace(/^/gm, '  ') };
});

const ANY = { category: 'any', product: 'linux' };

function ruleOf({ entry, detection }: (typeof cases)[number], logsource: object, tests: readonly object[]): string {
  const id = entry.id_of_rule ?? entry.id;
  const head = { title: entry.id, id, level: 'high', logsource, ...(tests.length > 0 && { puppy: { tests } }) };
  const fields = Object.entries(head).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const rule = `${fields.join('\n')}\ndetection:\n${detection}`;
  return [rule, ...(entry.filters ?? []).map(filter => JSON.stringify(filter))].join('\n---\n');
}

/** Names are the case's own: all cases are loaded together. */
function correlationText({ id, docs, events, expect: expected }: CorrelationCase): string {
  const own = new Map(docs.map(({ name }) => [name, `${id}-${name}`]));
  const renamed = (value: unknown): unknown => {
    if (typeof value === 'string') return own.get(value) ?? value;
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [own.get(key) ?? key, renamed(one)]));
  };
  const timed = events.map(({ t, ...event }) => ({ at: `${t as number}s`, event }));
  const texts = docs.map(doc => {
    const match = typeof expected === 'object' ? expected[doc.name] : undefined;
    const name = own.get(doc.name);
    return JSON.stringify({
      ...{ title: name, level: 'high', ...doc, id: name, name },
      ...(doc.correlation === undefined ? { logsource: ANY } : { correlation: renamed(doc.correlation) }),
      ...(match !== undefined && { puppy: { tests: [{ name: id, events: timed, match }] } }),
    });
  });
  return texts.join('\n---\n');
}

interface Checked {
  readonly summary: { readonly tests: number; readonly testsFailed: number };
  readonly problems: readonly { file: string; line?: number; severity: string; message: string }[];
}

const run = (args: readonly string[], input = '') => {
  const ran = spawnSync(executable, args, { input, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (ran.error) throw ran.error;
  return ran;
};

/** ECS fields by the Sigma names that read them. */
const PROCESS = { Image: 'executable', CommandLine: 'command_line', User: 'real_user', ParentImage: 'parent' };
const NETWORK = { DestinationIp: 'ip', DestinationPort: 'port' };

const isOf = (names: object, { entry: { tests = [], logsource } }: (typeof cases)[number]): boolean =>
  logsource === undefined &&
  tests.some(({ event }) => Object.keys(event).length > 0) &&
  tests.every(({ event }) => Object.keys(event).every(name => name in names));

function lineOf(id: string, { Image, CommandLine, User, ParentImage, ...destination }: Fields, action: string): string {
  const [executable, ...invoked] = [Image].flat();
  return JSON.stringify({
    '@timestamp': '2026-01-01T00:00:00.000Z',
    event: { id, kind: 'event', action },
    process: {
      ...{ pid: 7, entity_id: id, executable, command_line: CommandLine },
      ...(User !== undefined && { real_user: { id: '1', name: User } }),
      ...(typeof ParentImage === 'string' && { parent: { pid: 1, entity_id: '1', executable: ParentImage } }),
    },
    destination: { ip: destination.DestinationIp, port: destination.DestinationPort },
    puppy: { process: { invoked } },
  });
}

// Absent outside the workplace: the file is other people's data and isn't copied.
describe.if(hasSigma)('conformance', () => {
  test('check refuses what must be refused, each at its place, and the tests of all others hold', () => {
    const rules = join(folder, 'check');
    mkdirSync(rules);
    const refused: string[] = [];
    let count = 0;
    for (const one of cases) {
      const { id, expect: expected, tests = [], logsource, filters } = one.entry;
      const own = tests.map((test, i) => ({ name: `${id} ${i}`, ...test }));
      writeFileSync(join(rules, `${id}.yml`), ruleOf(one, logsource ?? filters?.[0]?.logsource ?? ANY, own));
      if (expected === 'reject') refused.push(`${id}.yml`);
      else count += own.length;
    }
    for (const one of correlations) {
      writeFileSync(join(rules, `${one.id}.yml`), correlationText(one));
      if (one.expect === 'reject') refused.push(`${one.id}.yml`);
      else count += Object.keys(one.expect).length;
    }
    const { status, stdout } = run(['check', '--format', 'json', rules]);
    const { summary, problems } = JSON.parse(stdout) as Checked;
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect([...new Set(errors.map(({ file }) => basename(file)))].sort()).toEqual(refused.sort());
    expect(errors.filter(({ line = 0 }) => line < 1)).toEqual([]);
    expect(summary).toMatchObject({ tests: count, testsFailed: 0 });
    expect(count).toBeGreaterThan(150);
    expect(status).toBe(2);
  }, 60_000);

  const streams = [
    ['process_creation', 'exec', PROCESS],
    ['network_connection', 'connect', NETWORK],
  ] as const;
  for (const [category, action, names] of streams) {
    test(`replay gives the verdicts on events: ${category}`, () => {
      const rules = join(folder, category);
      mkdirSync(rules);
      const ours = cases.filter(one => one.entry.expect === undefined && isOf(names, one));
      const lines: string[] = [];
      const expected: string[] = [];
      for (const one of ours) {
        writeFileSync(join(rules, `${one.entry.id}.yml`), ruleOf(one, { category, product: 'linux' }, []));
        for (const [i, { event, match }] of one.entry.tests!.entries()) {
          lines.push(lineOf(`${one.entry.id}:${i}`, event, action));
          expected.push(`${one.entry.id}:${i} ${match}`);
        }
      }
      const { status, stdout, stderr } = run(['replay', '--rules', rules, '-'], `${lines.join('\n')}\n`);
      const found = stdout
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as { rule: { name: string }; puppy: { event: { id: string } } })
        .filter(({ rule, puppy }) => puppy.event.id.startsWith(`${rule.name}:`));
      const alerted = new Set(found.map(({ puppy }) => puppy.event.id));
      const verdicts = expected.map(one => one.split(' ')[0]!).map(id => `${id} ${alerted.has(id)}`);
      expect(verdicts).toEqual(expected);
      expect(ours.length).toBeGreaterThan(category === 'process_creation' ? 20 : 3);
      expect([status, stderr.includes('left out')]).toEqual([0, false]);
    }, 60_000);
  }
});
