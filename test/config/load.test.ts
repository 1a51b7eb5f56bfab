// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration has that syntax

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import fc from 'fast-check';
import { enabledSources } from '../../src/config/config.ts';
import { configHelp } from '../../src/config/help.ts';
import { formatProblem, type Loaded, type LoadOptions, loadConfig } from '../../src/config/load.ts';
import { configSchema, leaves } from '../../src/config/schema.ts';
import { DEFAULT_EXCLUDES, DEFAULT_PATHS } from '../../src/fsnotify/defaults.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'puppy-config-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function load(text: string | undefined, options: Partial<LoadOptions> = {}): Loaded {
  const file = join(dir, 'puppy-hids.yaml');
  if (text !== undefined) writeFileSync(file, text);
  return loadConfig({ env: {}, flags: {}, defaultFile: file, ...options });
}

/** Each problem as `line:column severity code message | help`. */
function told(loaded: Loaded): string[] {
  return loaded.problems.map(
    p => `${p.line}:${p.column} ${p.severity} ${p.code} ${p.message}${p.help === undefined ? '' : ` | ${p.help}`}`,
  );
}

describe('defaults', () => {
  test('without file, environment and flags', () => {
    const { config, problems, file } = load(undefined);
    expect(problems).toEqual([]);
    expect(file).toBeUndefined();
    expect(config).toEqual({
      rules: [],
      outputs: [{ type: 'stdout' }],
      minLevel: 'medium',
      events: false,
      records: false,
      strict: false,
      logLevel: 'info',
      sources: ['audit', 'fsnotify', 'logs', 'pcap'],
      audit: {
        mode: 'auto',
        backlogLimit: 8192,
        backlogWaitTime: 0,
        rules: [],
        receiveBufferBytes: 64 * 2 ** 20,
        argvMaxBytes: 256 * 2 ** 10,
      },
      logs: { enabled: 'auto', journal: true, files: [], maxLineBytes: 16_384 },
      proc: { cacheEntries: 65_536 },
      fsnotify: {
        enabled: 'auto',
        backend: 'auto',
        paths: [...DEFAULT_PATHS],
        exclude: [...DEFAULT_EXCLUDES],
        containers: true,
        maxFiles: 500_000,
        hashes: ['sha256'],
        hashMaxBytes: 20 * 2 ** 20,
        hashBytesPerSecond: 64 * 2 ** 20,
        baseline: true,
        diff: false,
      },
      pcap: {
        ...{ enabled: 'auto', interfaces: ['any'], snaplen: 1_536, lan: true, udp: true, trace: 'auto' },
        ...{ addresses: [], excludeAddresses: [], ports: [], excludePorts: [] },
      },
      heartbeatMs: 60_000,
      limits: { memoryBytes: 512 * 2 ** 20, correlationBytes: 32 * 2 ** 20, queueEvents: 65_536 },
      stateDir: '/var/lib/puppy-hids',
      host: {},
      labels: {},
      tuning: [],
    });
  });

  test('an empty file, a file of comments, and what help prints give the defaults', () => {
    const { config } = load(undefined);
    for (const text of ['', '# nothing\n', configHelp()]) {
      const loaded = load(text);
      expect(told(loaded)).toEqual([]);
      expect(loaded.config).toEqual(config);
    }
  });

  test('help names every key, its variable and its flag', () => {
    const help = configHelp();
    for (const { path, node } of leaves()) {
      expect(help).toContain(`PUPPY_HIDS_${path.join('_').toUpperCase()}`);
      if (node['x-flag'] !== undefined) expect(help).toContain(node['x-flag']);
    }
  });
});

describe('the file', () => {
  test('sets everything', () => {
    const { config, problems } = load(`
rules: [rules.d, /opt/rules, builtin]
outputs:
  - stdout?min_level=high
  - to: file:alerts.jsonl
    min_level: low
    kind: [alert, metric]
    max_size: 20MiB
    max_age: 7d
    keep: 3
    max_line: 20000
audit:
  mode: share
  receive_buffer: 16MiB
  rules: ["-w /etc/shadow -p wa -k shadow"]
heartbeat: 5m
limits: {memory: 536870912}
labels: {site: berlin, rack: "7"}
host: {id: abc}
`);
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      rules: [join(dir, 'rules.d'), '/opt/rules', 'builtin'],
      outputs: [
        { type: 'stdout', minLevel: 'high' },
        {
          type: 'file',
          path: join(dir, 'alerts.jsonl'),
          minLevel: 'low',
          kinds: ['alert', 'metric'],
          maxSizeBytes: 20 * 2 ** 20,
          maxAgeMs: 7 * 86_400_000,
          keep: 3,
          maxLineBytes: 20_000,
        },
      ],
      audit: { mode: 'share', receiveBufferBytes: 16 * 2 ** 20, rules: ['-w /etc/shadow -p wa -k shadow'] },
      heartbeatMs: 300_000,
      limits: { memoryBytes: 2 ** 29, queueEvents: 65_536 },
      labels: { site: 'berlin', rack: '7' },
      host: { id: 'abc' },
    });
  });

  test('all mistakes are told together, each with its place and the nearest key', () => {
    const loaded = load(`audti: {mode: own}
audit:
  mode: onw
  backlog_limt: 1
  receive_buffer: 64 MB of it
  backlog_wait_time: -1
heartbeat: 60
receive_buffer: 1MiB
limits: {memory: 1KiB}
outputs: [fil:/x, {to: "file:/y", keep: many}]
labels: {a.b: x}
pcap:
  addresses: [10.0.0.0/8, 10.0.0.0/33]
  ports: [0, 443]
`);
    expect(loaded.config).toBeUndefined();
    expect(told(loaded).sort()).toEqual(
      [
        '1:1 error unknown-key unknown key "audti" | did you mean "audit"?',
        '3:9 error bad-value audit.mode must be one of auto, own, share, observe, not "onw" | did you mean "own"?',
        '4:3 error unknown-key unknown key "backlog_limt" under audit | did you mean "backlog_limit"?',
        '5:19 error bad-size audit.receive_buffer: "64 MB of it" is not a size | a number of bytes with a unit: 512KiB, 64MiB, 1GB',
        '6:22 error out-of-range audit.backlog_wait_time must be >= 0, not -1',
        '7:12 error wrong-type heartbeat must be a text, not 60',
        '8:1 error unknown-key unknown key "receive_buffer" | did you mean "audit.receive_buffer"?',
        '9:18 error out-of-range limits.memory must be at least 67108864 bytes, not "1KiB"',
        '10:11 error bad-output unknown output "fil:/x": use stdout or file:PATH',
        '10:19 error bad-output keep: "many" is not a number from 0 to 1000',
        '13:27 error bad-network pcap.addresses[1]: "10.0.0.0/33" is neither an address nor a network | an address, or one with the length of its network: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32',
        '14:11 error out-of-range pcap.ports[0] must be >= 1, not 0',
        '11:10 error bad-name "a.b" is no name for a label | letters, digits and _, at most 64',
      ].sort(),
    );
    expect(formatProblem(loaded.problems.find(p => p.line === 3)!)).toContain('  3 |   mode: onw\n    |         ^^^');
  });

  test('broken YAML and a key given twice are told with their place', () => {
    expect(told(load('audit: {mode: own\n'))[0]).toMatch(/^\d+:\d+ error yaml /);
    expect(told(load('heartbeat: 1m\nheartbeat: 2m\n'))).toEqual(['2:1 error yaml Map keys must be unique']);
    expect(told(load('- a\n'))[0]).toContain('the configuration must be a group of keys');
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(9)}]\n`)}`;
    expect(told(load(bomb))[0]).toContain('alias');
    expect(load('['.repeat(100_000)).config).toBeUndefined();
  });

  test('what a later version will have is recognised and told', () => {
    const loaded = load(
      'inventory: {every: 1m}\nsync: {mongodb: {uri: x}}\noutputs: [{to: stdout, fields: {drop: [x]}}]\n',
    );
    expect(loaded.config).toBeDefined();
    expect(told(loaded)).toEqual([
      '1:1 warning not-available inventory is not available in this version and has no effect',
      '2:1 warning not-available sync is not available in this version and has no effect',
      '3:24 warning not-available outputs[0].fields is not available in this version and has no effect',
    ]);
    expect(told(load('outputs: ["syslog:h:514", "https://h/x"]'))).toEqual([
      '1:11 error bad-output syslog outputs are not available in this version: use stdout or file:PATH',
      '1:27 error bad-output webhooks are not available in this version: use stdout or file:PATH',
    ]);
  });

  test('at least one source that this version has must be named', () => {
    const nothing = 'error bad-value sources must name at least one of audit, fsnotify, logs and pcap';
    expect(told(load('sources: []'))).toEqual([`1:10 ${nothing}`]);
    expect(told(load('sources: [inventory]'))).toEqual([
      '1:11 warning not-available the source inventory is not available in this version',
      `1:10 ${nothing}`,
    ]);
    const { config } = load('sources: [logs, inventory, fsnotify]\nlogs: {enabled: false}');
    expect(config?.sources).toEqual(['fsnotify', 'logs']);
    expect(enabledSources(config!)).toEqual(['fsnotify']);
  });

  test('kernel rules are checked by whom the caller names', () => {
    const checkAuditRule = (text: string): { column: number; length: number; message: string } | undefined =>
      text.startsWith('-a') ? undefined : { column: 1, length: 2, message: 'unknown option' };
    const loaded = load('audit:\n  rules: ["-a x", "-z"]\n', { checkAuditRule });
    expect(told(loaded)).toEqual(['2:19 error bad-audit-rule unknown option (at character 1 of the rule)']);
  });

  test('a named file must be readable; the default one need not exist', () => {
    const loaded = loadConfig({ file: join(dir, 'none.yaml'), env: {}, flags: {} });
    expect(loaded.problems.map(p => p.code)).toEqual(['unreadable']);
    expect(loadConfig({ file: '/dev/zero', env: {}, flags: {} }).problems[0]?.message).toContain('not a regular file');
  });
});

describe('secrets', () => {
  test('come from files and the environment, and are told when they are not there', () => {
    writeFileSync(join(dir, 'secret'), 'hush\n');
    const text = [
      'labels:',
      '  a: ${file:secret}',
      '  b: x-${env:TOKEN}-y',
      '  c: $${env:TOKEN}',
      '  d: ${other}',
    ].join('\n');
    expect(load(text, { env: { TOKEN: 't' } }).config?.labels).toEqual({
      a: 'hush',
      b: 'x-t-y',
      c: '${env:TOKEN}',
      d: '${other}',
    });
    const missing = load('labels:\n  a: ${file:/nonexistent/x}\n  b: ${env:NOPE}\n');
    expect(told(missing)[0]).toContain('2:6 error secret cannot read /nonexistent/x: ENOENT');
    expect(told(missing)).toContain('3:6 error secret the environment variable NOPE is not set');
  });
});

describe('flags beat the environment, which beats the file', () => {
  test('key by key', () => {
    const env = { PUPPY_HIDS_AUDIT_MODE: 'own', PUPPY_HIDS_HEARTBEAT: '2m', PUPPY_HIDS_EVENTS: 'yes', OTHER: 'x' };
    const text = 'audit: {mode: share, backlog_limit: 1000}\nheartbeat: 1m\nrules: [/a]\n';
    const { config, problems } = load(text, { env, flags: { heartbeat: '3m', rules: ['b'] } });
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      audit: { mode: 'own', backlogLimit: 1000 },
      heartbeatMs: 180_000,
      events: true,
      rules: ['b'],
    });
  });

  test('lists, groups and numbers from the environment', () => {
    const env = {
      PUPPY_HIDS_RULES: '/a:/b',
      PUPPY_HIDS_LABELS: 'site=berlin, rack=7',
      PUPPY_HIDS_OUTPUTS: 'stdout file:/x?keep=1&kind=alert,metric',
      PUPPY_HIDS_AUDIT_BACKLOG_LIMIT: '4096',
      PUPPY_HIDS_STATE_DIR: '',
      PUPPY_HIDS_PCAP_EXCLUDE_PORTS: '123, 443',
      PUPPY_HIDS_PCAP_ADDRESSES: '203.0.113.0/24,::1',
    };
    expect(load(undefined, { env }).config).toMatchObject({
      rules: ['/a', '/b'],
      labels: { site: 'berlin', rack: '7' },
      outputs: [{ type: 'stdout' }, { type: 'file', path: '/x', keep: 1, kinds: ['alert', 'metric'] }],
      audit: { backlogLimit: 4096 },
      pcap: { excludePorts: [123, 443], addresses: ['203.0.113.0/24', '::1'] },
      stateDir: '/var/lib/puppy-hids',
    });
  });

  test('their mistakes name them', () => {
    const env = { PUPPY_HIDS_AUDIT_MOD: 'own', PUPPY_HIDS_MIN_LEVEL: 'loud', PUPPY_HIDS_EVENTS: 'perhaps' };
    const loaded = load(undefined, { env, flags: { audit: { mode: 'x' }, outputs: ['/x'] } });
    expect(loaded.problems.map(p => `${p.file}: ${p.message} ${p.help ?? ''}`.trim())).toEqual([
      'PUPPY_HIDS_AUDIT_MOD: no such setting did you mean PUPPY_HIDS_AUDIT_MODE?',
      'PUPPY_HIDS_EVENTS: events must be true or false, not "perhaps"',
      'PUPPY_HIDS_MIN_LEVEL: min_level must be one of informational, low, medium, high, critical, not "loud"',
      '--audit-mode: audit.mode must be one of auto, own, share, observe, not "x"',
      '--output: unknown output "/x": did you mean file:/x?',
    ]);
  });

  test('PUPPY_HIDS_CONFIG names the file', () => {
    const file = join(dir, 'other.yaml');
    writeFileSync(file, 'heartbeat: 7s\n');
    const loaded = loadConfig({ env: { PUPPY_HIDS_CONFIG: file }, flags: {} });
    expect([loaded.file, loaded.config?.heartbeatMs]).toEqual([file, 7_000]);
  });
});

test('the published schema is a JSON Schema that other tools can use', () => {
  const ajv = new Ajv({ strict: false, formats: { size: true, duration: true, network: true } });
  const check = ajv.compile(configSchema());
  expect(check({ audit: { mode: 'own' }, outputs: ['stdout'] })).toBe(true);
  expect(check({ audit: { mode: 'mine' } })).toBe(false);
});

test('a tag that YAML does not know is told, and what it stands for is checked all the same', () => {
  expect(load('outputs: !!audit').problems.map(p => [p.severity, p.code])).toEqual([
    ['warning', 'yaml'],
    ['error', 'wrong-type'],
  ]);
  expect(load('x: !foo bar').problems.map(p => p.code)).toEqual(['yaml', 'unknown-key']);
});

test('no text of a file makes loading throw, and a config comes without an error or not at all', () => {
  const word = fc.constantFrom(
    'audit',
    'rules',
    'outputs',
    ':',
    ' ',
    '\n',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    '&a',
    '*a',
    '${env:X}',
    '1',
    'own',
    '!!',
    '?',
    '|',
    '\t',
    'é',
    '\0',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map(words => words.join('')),
      ),
      text => {
        const loaded = load(text);
        for (const problem of loaded.problems) formatProblem(problem);
        return (loaded.config === undefined) === loaded.problems.some(problem => problem.severity === 'error');
      },
    ),
    { numRuns: 300 },
  );
});
