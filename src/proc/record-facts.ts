// Recording what the host answered, and answering from such a recording: with it a replay sees what the live run saw.

import { Answers } from '../core/answers.ts';
import type { HostFacts } from './facts.ts';

type FactName = keyof HostFacts;

/** Answers as `facts` does, and gives every call with its answer to `sink` as one line of JSON (without the newline). */
export function recordFacts(facts: HostFacts, sink: (line: string) => void): HostFacts {
  const put = <T>(f: FactName, v: T, a?: number | string): T => {
    sink(JSON.stringify({ f, a, v }));
    return v;
  };
  return {
    host: () => put('host', facts.host()),
    boot: () => put('boot', facts.boot()),
    uptimeMs: () => put('uptimeMs', facts.uptimeMs()),
    listPids: () => put('listPids', facts.listPids()),
    readProcess: pid => put('readProcess', facts.readProcess(pid), pid),
    startTicks: pid => put('startTicks', facts.startTicks(pid), pid),
    processRoot: pid => put('processRoot', facts.processRoot(pid), pid),
    hostFile: path => put('hostFile', facts.hostFile(path), path),
    refreshUsers: () => put('refreshUsers', facts.refreshUsers()),
    userName: uid => put('userName', facts.userName(uid), uid),
    groupName: gid => put('groupName', facts.groupName(gid), gid),
    processContainer: pid => put('processContainer', facts.processContainer(pid), pid),
    listContainers: () => put('listContainers', facts.listContainers()),
    containerProcesses: scope => put('containerProcesses', facts.containerProcesses(scope), scope),
    containerDetails: scope => put('containerDetails', facts.containerDetails(scope), scope),
    isDrift: (scope, pid, path) => put('isDrift', facts.isDrift(scope, pid, path), driftKey(scope, pid, path)),
  };
}

export interface ReplayedFacts extends HostFacts {
  /** Lines that could not be read. */
  readonly malformed: number;
  /** Calls that the recording had no (further) answer for. */
  unanswered(): number;
}

/**
 * Answers from a recording: the n-th call of a function with an argument gets what the n-th such call was answered when it was
 * recorded. A call that isn't in the recording gets `undefined`.
 */
export function replayFacts(lines: Iterable<string>): ReplayedFacts {
  const answers = new Answers<unknown>();
  let malformed = 0;
  let unanswered = 0;
  for (const line of lines) {
    // What new_terms rules knew stands beside the host's answers.
    if (line === '' || line.startsWith('{"f":"term"')) continue;
    const call = parseCall(line);
    if (call === undefined) malformed++;
    else answers.add(call.key, call.value);
  }
  const unknown = (): undefined => {
    unanswered++;
  };
  // The recording is the agent's own file: its values have the types that were written.
  const answer = <K extends FactName>(f: K, a?: number | string): ReturnType<HostFacts[K]> =>
    answers.take(callKey(f, a), unknown) as ReturnType<HostFacts[K]>;
  return {
    malformed,
    unanswered: () => unanswered,
    host: () => answer('host'),
    boot: () => answer('boot'),
    uptimeMs: () => answer('uptimeMs'),
    listPids: () => answer('listPids'),
    readProcess: pid => answer('readProcess', pid),
    startTicks: pid => answer('startTicks', pid),
    processRoot: pid => answer('processRoot', pid),
    hostFile: path => answer('hostFile', path),
    refreshUsers: () => answer('refreshUsers'),
    userName: uid => answer('userName', uid),
    groupName: gid => answer('groupName', gid),
    processContainer: pid => answer('processContainer', pid),
    listContainers: () => answer('listContainers'),
    containerProcesses: scope => answer('containerProcesses', scope),
    containerDetails: scope => answer('containerDetails', scope),
    isDrift: (scope, pid, path) => answer('isDrift', driftKey(scope, pid, path)),
  };
}

function driftKey(scope: string, pid: number, path: string): string {
  return `${scope}\0${pid}\0${path}`;
}

function callKey(f: string, a: unknown): string {
  return a === undefined ? f : `${f}\0${String(a)}`;
}

function parseCall(line: string): { key: string; value: unknown } | undefined {
  let call: unknown;
  try {
    call = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof call !== 'object' || call === null || !('f' in call) || typeof call.f !== 'string') return undefined;
  return { key: callKey(call.f, 'a' in call ? call.a : undefined), value: 'v' in call ? call.v : undefined };
}
