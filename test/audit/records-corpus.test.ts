// Records of several distributions against what another tool (go-libaudit's auparse) decodes them to: the facts must agree.

import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathName } from '../../src/audit/paths.ts';
import { recordViews } from '../../src/audit/records.ts';
import { errnoName } from '../../src/audit/tables/errnos.ts';
import { type Record, recordOf, replay, sharedData } from './replayed.ts';

interface Golden {
  readonly '@timestamp': string;
  readonly record_type: string;
  readonly sequence: number;
  readonly raw_msg: string;
  readonly data?: { readonly [name: string]: string };
  readonly keys?: readonly string[];
}

const RESULTS: { readonly [value: string]: string } = {
  yes: 'success',
  success: 'success',
  '1': 'success',
  no: 'fail',
  failed: 'fail',
  '0': 'fail',
};

const FAMILIES: { readonly [family: string]: string } = { inet: 'ipv4', inet6: 'ipv6', unspec: '0' };
const SIGNALS: { readonly [number: string]: string } = { 31: 'SIGSYS' };

/** Old kernels' names, which we give as today's. */
const TODAY: { readonly [name: string]: string } = { new_auid: 'auid', objtype: 'nametype' };

/** Fields that only our views have, or that the other tool splits into parts. */
const OURS = new Set([
  'relative_name',
  'ARCH',
  'SYSCALL',
  'key',
  'success',
  'res',
  'saddr',
  'saddr_fam',
  'nlnk-fam',
  'nlnk-pid',
  'nlnk-grp',
]);

/** SELinux contexts: the other tool parts them, and takes a level's last part for a category. */
function contextOf(data: { readonly [name: string]: string }, prefix: string): string {
  return ['user', 'role', 'domain', 'level', 'category'].flatMap(part => data[`${prefix}_${part}`] ?? []).join(':');
}

function expected(golden: Golden): { [name: string]: string } {
  const facts: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(golden.data ?? {})) {
    if (/^(?:subj|obj)_(?:user|role|domain|level|category)$/.test(name)) continue;
    if (value === 'unset' || value === '4294967295' || value === '(none)') continue;
    facts[TODAY[name] ?? name] = value;
  }
  for (const prefix of ['subj', 'obj']) {
    const context = contextOf(golden.data ?? {}, prefix);
    if (context !== '') facts[prefix] = context;
  }
  if (golden.keys !== undefined) facts.key = golden.keys.join('\x01');
  return facts;
}

/** Our fields under the other tool's names. */
function translated({ type, fields }: Record): { [name: string]: string } {
  const facts: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(fields)) if (!OURS.has(name)) facts[name] = value;
  if (fields.key !== undefined) facts.key = fields.key;
  if (fields.SYSCALL !== undefined) facts.syscall = fields.SYSCALL;
  if (fields.ARCH !== undefined) facts.arch = fields.ARCH;
  if (fields.sig !== undefined) facts.sig = SIGNALS[fields.sig] ?? fields.sig;
  const exit = Number(fields.exit);
  if (exit < 0) facts.exit = errnoName(-exit)!;
  const result = RESULTS[fields.success ?? fields.res ?? ''];
  if (result !== undefined) facts.result = result;
  if (type === 'SOCKADDR') {
    facts.family = FAMILIES[fields.saddr_fam!] ?? fields.saddr_fam!;
    if (fields.laddr !== undefined) facts.addr = fields.laddr;
    if (fields.lport !== undefined) facts.port = fields.lport;
    else if (fields.path === undefined) facts.saddr = fields.saddr!;
    delete facts.laddr;
    delete facts.lport;
  }
  return facts;
}

const folder = sharedData('audit/records');

describe.skipIf(folder === undefined)('records of other kernels (shared data)', () => {
  for (const file of folder === undefined ? [] : readdirSync(folder).filter(name => name.endsWith('.log'))) {
    test(file, () => {
      const lines = readFileSync(join(folder!, file), 'utf8')
        .split('\n')
        .filter(line => line !== '');
      const goldens = JSON.parse(readFileSync(join(folder!, `${file}.golden`), 'utf8')) as (Golden | null)[];
      expect(goldens.length).toBe(lines.length);
      for (const [i, line] of lines.entries()) {
        const golden = goldens[i]!;
        let seen = 0;
        // One line bears the quote that ended it in a program's source.
        replay(line.replace(/(?<==[0-9A-F]+)"$/, ''), event => {
          seen++;
          const record = recordOf(recordViews(event)[0]!);
          expect(record.type.toLowerCase()).toBe(golden.record_type);
          expect(event.serial).toBe(golden.sequence);
          expect(event.timeMs).toBe(Date.parse(golden['@timestamp']));
          const facts = translated(record);
          // Ours is absolute or absent; alone, the record can't tell where a relative name is.
          if (record.type === 'PATH') {
            if (record.fields.name === undefined) expect(golden.data!.name).not.toStartWith('/');
            facts.name = pathName(event, 0)!;
          }
          expect({ line, ...facts }).toEqual({ line, ...expected(golden) });
        });
        // A line that neither can read.
        expect(seen).toBe(golden === null ? 0 : 1);
      }
    });
  }
});
