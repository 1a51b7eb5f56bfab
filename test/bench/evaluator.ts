// The evaluator alone: process starts per second on one core with 10, 100, all rules of the corpus and ten times all (its literals
// changed), compiled and, in the same run, interpreted. `bun test/bench/evaluator.ts [--json]`; the corpus is found as in tests.

import { readFileSync } from 'node:fs';
import type { ExecEvent, RecordView } from '../../src/core/event.ts';
import type { Rule } from '../../src/rules/ast.ts';
import { canonicalName, FIELDS } from '../../src/rules/fields.ts';
import { interpret } from '../../src/rules/interpret.ts';
import { loadRules } from '../../src/rules/load.ts';
import { feedOf } from '../../src/rules/logsource.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { compileRuleset } from '../../src/rules/ruleset.ts';
import { Values } from '../../src/rules/values.ts';
import { exec, hasSigma, RULES, record } from '../rules/helpers.ts';

const ROUNDS = 15;

/** What a build and a shell session look like: ordinary paths, ordinary lengths. */
const PROGRAMS: readonly (readonly [path: string, line: string])[] = [
  ['/usr/bin/gcc', 'gcc -Wall -O2 -Iinclude -DNDEBUG -c src/module_#/file_#.c -o build/module_#/file_#.o'],
  ['/usr/bin/ls', 'ls --color=auto -la /var/lib/docker/overlay2/#'],
  ['/usr/bin/dash', 'sh -c test -f /etc/default/locale && . /etc/default/locale # #'],
  ['/usr/bin/git', 'git -C /srv/repos/project-# rev-parse --verify HEAD^{commit}'],
  ['/usr/bin/sed', 'sed -e s/@VERSION@/1.#/g -e s|@PREFIX@|/usr/local|g config.h.in'],
  ['/usr/sbin/sshd', '/usr/sbin/sshd -D -o AuthorizedKeysCommand=/usr/bin/keys -R #'],
  [
    '/usr/bin/curl',
    'curl -fsSL https://deb.debian.org/debian/dists/bookworm/InRelease?# -o /var/lib/apt/lists/partial/x#',
  ],
];

function workload(): ExecEvent[] {
  return Array.from({ length: 2000 }, (_, i) => {
    const [executable, line] = PROGRAMS[i % PROGRAMS.length]!;
    const commandLine = line.replaceAll('#', String(i));
    const credentials = { uid: { id: 1000, name: 'builder' } };
    return exec(
      { pid: 1000 + i, executable, invoked: [executable], commandLine, cwd: `/srv/builds/${i % 50}`, credentials },
      { executable: '/usr/bin/bash', commandLine: `bash ./build.sh --jobs ${i % 8}` },
      recordsOf(executable, commandLine),
    );
  });
}

function recordsOf(exe: string, commandLine: string): RecordView[] {
  const args = commandLine.split(' ');
  const call = {
    SYSCALL: 'execve',
    syscall: '59',
    success: 'yes',
    exit: '0',
    a0: '55d0',
    a1: '55d1',
    a2: '55d2',
    a3: '8',
  };
  return [
    record('SYSCALL', { ...call, exe, comm: args[0]!, key: 'puppy' }),
    record('EXECVE', { argc: String(args.length), ...Object.fromEntries(args.map((arg, i) => [`a${i}`, arg])) }),
    record('CWD', { cwd: '/srv/builds' }),
    record('PATH', { item: '0', name: exe, nametype: 'NORMAL', mode: '0100755' }),
    record('PATH', { item: '1', name: '/lib64/ld-linux-x86-64.so.2', nametype: 'NORMAL', mode: '0100755' }),
    record('PROCTITLE', { proctitle: commandLine }),
  ];
}

/** The corpus, and again `times - 1` times with its literals changed, so that nothing is shared. */
function multiplied(times: number): Rule[] {
  const texts = loadRules([RULES]).rules.map(rule => readFileSync(rule.info.file, 'utf8'));
  return Array.from({ length: times }, (_, n) => n).flatMap(n =>
    texts.flatMap(text => parseRules('x.yml', n === 0 ? text : changed(text, n)).rules.map(({ rule }) => rule)),
  );
}

/** Within the detection, the last letter of each word of a value: literals stay as long and of the same kind. */
function changed(text: string, n: number): string {
  const [head, detection = ''] = text.split(/^detection:/m);
  const letter = String.fromCharCode(97 + n);
  const lines = detection.split('\n').map(line => {
    if (/condition:|\|re:|cidr|^\s*#|^\S/.test(line)) return line;
    return line.replace(/(?<=[-:'"/ ])([a-z]{2,})(?!.*:)/g, word => `${word.slice(0, -1)}${letter}`);
  });
  return `${head}detection:${lines.join('\n')}`;
}

/** Of the process' own CPU time the best of several rounds: other programs on the machine only ever add to it. */
function secondsPerEvent(events: readonly ExecEvent[], evaluate: (event: ExecEvent) => void): number {
  let best = Infinity;
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    for (const event of events) evaluate(event);
    const { user, system } = process.cpuUsage(before);
    if (round > 0) best = Math.min(best, (user + system) / 1e6 / events.length);
  }
  return best;
}

function naive(rules: readonly Rule[]): (event: ExecEvent) => void {
  const fed = rules.filter(rule => {
    const feed = feedOf(rule.logsource);
    return 'stream' in feed && feed.stream === 'exec';
  });
  return event => {
    const lookup = (field: string | undefined): Values => {
      const values = new Values();
      FIELDS.exec.get(canonicalName(field ?? 'CommandLine'))?.collect?.(event, values);
      return values;
    };
    for (const rule of fed) interpret(rule, lookup);
  };
}

function measure(name: string, rules: readonly Rule[], events: readonly ExecEvent[]) {
  const plain = events.map(({ records: _, ...event }): ExecEvent => event);
  const start = performance.now();
  const ruleset = compileRuleset(rules);
  const compileMs = performance.now() - start;
  let matches = 0;
  const compiled = secondsPerEvent(plain, event => {
    matches += ruleset.evaluate(event).length;
  });
  const withRecords = secondsPerEvent(events, event => {
    ruleset.evaluate(event);
  });
  const interpreted = secondsPerEvent(plain.slice(0, 200), naive(rules));
  return {
    rules: name,
    'events/s': Math.round(1 / compiled),
    'µs/event': Number((compiled * 1e6).toFixed(2)),
    'µs with records': Number((withRecords * 1e6).toFixed(2)),
    'naive µs': Number((interpreted * 1e6).toFixed(1)),
    'naive/compiled': Number((interpreted / compiled).toFixed(1)),
    'matches/event': Number((matches / (ROUNDS + 1) / plain.length).toFixed(3)),
    'compile ms': Math.round(compileMs),
  };
}

function main(): void {
  if (!hasSigma) {
    console.error('the corpus is not beside the project; set PUPPY_SHARED_DATA');
    process.exit(1);
  }
  const tenfold = multiplied(10);
  const corpus = loadRules([RULES]).rules;
  const events = workload();
  const exec = corpus.filter(rule => rule.logsource.category === 'process_creation');
  const table = [
    measure('10', exec.slice(0, 10), events),
    measure('100', exec.slice(0, 100), events),
    measure(`all: ${corpus.length}`, corpus, events),
    measure(`10 x all: ${tenfold.length}`, tenfold, events),
  ];
  if (process.argv.includes('--json')) console.log(JSON.stringify(table, null, 2));
  else console.table(table);
}

main();
