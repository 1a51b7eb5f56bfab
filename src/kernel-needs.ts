// What the loaded rules and the options ask of the kernel, as kernel rules. Pure: what is on the host is asked of the context.

import { defaultRules, type KeyedNeed, type RuleNeeds } from './audit/kernel-rules/defaults.ts';
import { knownKey, PROGRAM_FOLDERS } from './audit/kernel-rules/known-keys.ts';
import { parseRule } from './audit/kernel-rules/parse.ts';
import type { RuleContext } from './audit/kernel-rules/rule.ts';
import { type FileNeed, type HostFiles, planWatches, type Watch } from './audit/kernel-rules/watches.ts';
import type { WantedRule } from './audit/kernel-setup.ts';
import type { Mode } from './audit/mode.ts';
import { ARCH } from './audit/tables/arches.ts';
import { syscallNumber } from './audit/tables/syscalls.ts';
import type { Needs } from './rules/needs.ts';

export type KernelContext = RuleContext & HostFiles;

export interface KernelAsk {
  /** As `auditctl -l` lists them. */
  readonly rules: readonly string[];
  /** What isn't asked, or costs much, and why: whole sentences without a full stop. */
  readonly notes: readonly string[];
}

const ABSENT_SHOWN = 10;

type Note = (text: string) => void;

/** The kernel rules that one rule's needs come to, apart from what other rules ask: for a reader. */
export function kernelAskOf(needs: Needs, context: KernelContext): KernelAsk {
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  const wanted = ruleNeeds(needs, context, note);
  const arch = machineOf(context);
  const rules = defaultRules({ arch, needs: wanted, saddrFam: true, note });
  return { rules: rules.map(({ text }) => text), notes };
}

const machineOf = ({ arch }: RuleContext): 'x86_64' | 'aarch64' => (arch === ARCH.aarch64 ? 'aarch64' : 'x86_64');

/** What rules need, with the host's files. */
function ruleNeeds(needs: Needs, host: KernelContext, note: Note): RuleNeeds {
  for (const text of needs.unasked) note(text);
  const watches = watchesOf(needs.files, host, note);
  for (const name of new Set(needs.calls.flatMap(({ names }) => names))) {
    if (syscallNumber(host.arch, name) === undefined) note(`64-bit programs have no system call "${name}" here`);
  }
  return {
    exec: needs.exec,
    execFailed: needs.execFailed,
    connect: needs.connect,
    accept: needs.accept,
    bind: false,
    listen: false,
    rootChanges: false,
    calls: needs.calls,
    watches,
    keys: needs.keys.map(key => keyed(key, host)).filter(need => need !== undefined),
  };
}

function watchesOf(files: readonly FileNeed[], host: HostFiles, note: Note): readonly Watch[] {
  const { watches, notes, absent } = planWatches(files, host);
  for (const text of notes) note(text);
  if (absent.length > 0) {
    const more = absent.length > ABSENT_SHOWN ? `, and ${absent.length - ABSENT_SHOWN} more` : '';
    note(`watched as soon as they, or their folders, are there: ${absent.slice(0, ABSENT_SHOWN).join(', ')}${more}`);
  }
  return watches;
}

/**
 * Watches for who writes where the file watcher can't tell, by its patterns: a folder's watch is one of everything beneath it, so that a
 * pattern is cut at its first `**`.
 */
function whoWatches(patterns: readonly string[], host: HostFiles, note: Note): readonly Watch[] {
  const files = patterns.map((pattern): FileNeed => {
    const names = pattern.split('/').filter(name => name !== '' && name !== '.');
    const deep = names.indexOf('**');
    const path = `/${(deep < 0 ? names : names.slice(0, deep)).join('/')}`;
    return { path: deep >= 0 || host.isDirectory(path) ? `${path === '/' ? '' : path}/*` : path, access: 'write' };
  });
  return watchesOf(files, host, text => note(`who writes to watched files: ${text}`));
}

function keyed(key: string, host: HostFiles): KeyedNeed | undefined {
  const known = knownKey(key);
  if (known === undefined) return undefined;
  const { programs = [], family } = known;
  const paths = programs.flatMap(name => PROGRAM_FOLDERS.map(folder => host.realPath(`${folder}/${name}`)));
  const there = [...new Set(paths.filter(path => path !== undefined))].sort();
  return { keys: [key], programs: there, ...(family !== undefined && { family }) };
}

/**
 * `events`: every event is written, so that more is asked than the rules need. `note`: as in {@link KernelAsk}. `whoPatterns`: what the
 * file watcher watches, where it can't say who.
 */
export function kernelNeeds(
  needs: Needs,
  events: boolean,
  host: KernelContext,
  note: Note = () => undefined,
  whoPatterns: readonly string[] = [],
): RuleNeeds {
  const wanted = ruleNeeds(needs, host, note);
  const who = whoWatches(whoPatterns, host, note);
  const { exec, execFailed, connect, accept, calls, files, keys } = needs;
  const named = calls.length + files.length + keys.length + who.length;
  // Whatever the kernel is asked for happened in a process, which an alert tells with its ancestors.
  const processes = exec || execFailed || connect || accept || events || named > 0;
  return {
    ...wanted,
    who,
    exec: processes,
    connect: connect || events,
    accept: accept || events,
    bind: events,
    listen: events,
    // Whose root a process is in decides what its paths mean.
    rootChanges: processes,
    exit: events,
  };
}

export interface KernelRulesOptions {
  readonly pid: number;
  readonly needs: RuleNeeds;
  /** Of the configuration, as auditctl takes them. */
  readonly texts: readonly string[];
  readonly context: RuleContext;
  /** The record types of {@link SPARED} that something wants. */
  readonly keep: ReadonlySet<string>;
  /** Told of rules of our own that can't be written. */
  readonly note?: Note;
}

/**
 * Records that say nothing which others don't: an execution's arguments are in EXECVE, its credentials in SYSCALL. Where the agent is
 * the audit daemon, the kernel needn't make them (docs/decisions/0008).
 */
export const SPARED = ['PROCTITLE', 'BPRM_FCAPS'] as const;

/** Our own rules, then the configured ones, which were checked when the configuration was read. */
export function wantedRules(options: KernelRulesOptions, saddrFam: boolean, mode: Mode): WantedRule[] {
  const { pid, context, note = () => undefined } = options;
  const arch = machineOf(context);
  const isShared = mode !== 'own' && (options.needs.who ?? []).length > 0;
  if (isShared) note(`who writes to watched files isn't asked: each write would be in the audit daemon's log too`);
  const needs = isShared ? { ...options.needs, who: [] } : options.needs;
  const own = defaultRules({ arch, pid, needs, saddrFam, keyedFirst: mode === 'own', note });
  const spared = SPARED.filter(type => mode === 'own' && options.texts.length === 0 && !options.keep.has(type));
  const texts = [...options.texts, ...spared.map(type => `-a always,exclude -F msgtype=${type}`)];
  const others = texts.flatMap((text): WantedRule[] => {
    const parsed = parseRule(text, context);
    if (!('ok' in parsed) || parsed.ok.kind !== 'add') return [];
    return [{ text, rule: parsed.ok.rule, optional: false, keys: [] }];
  });
  return [...own, ...others];
}
