import { describe, expect, test } from 'bun:test';
import { ARCH } from '../../src/audit/tables/arches.ts';
import { type KernelRulesOptions, kernelNeeds, wantedRules } from '../../src/kernel-needs.ts';
import { NO_NEEDS } from '../../src/rules/needs.ts';

const OPTIONS: KernelRulesOptions = {
  architecture: 'x86_64',
  pid: 7,
  needs: kernelNeeds(NO_NEEDS, false),
  texts: [],
  context: {
    arch: ARCH.x86_64,
    uid: name => (name === 'root' ? 0 : undefined),
    gid: () => undefined,
    isDirectory: () => false,
  },
  keep: new Set(),
};

const excluded = (options: Partial<KernelRulesOptions>, mode: 'own' | 'share'): string[] =>
  wantedRules({ ...OPTIONS, ...options }, true, mode)
    .map(({ text }) => text)
    .filter(text => text.includes('exclude'));

describe('records that are spared', () => {
  test('only where the agent owns the audit pid', () => {
    expect(excluded({}, 'own')).toEqual([
      '-a always,exclude -F msgtype=PROCTITLE',
      '-a always,exclude -F msgtype=BPRM_FCAPS',
    ]);
    expect(excluded({}, 'share')).toEqual([]);
  });
  test('not what a rule wants', () =>
    expect(excluded({ keep: new Set(['PROCTITLE']) }, 'own')).toEqual(['-a always,exclude -F msgtype=BPRM_FCAPS']));
  test('none beside rules of the configuration', () =>
    expect(excluded({ texts: ['-w /etc/shadow -p wa -k x'] }, 'own')).toEqual([]));
});

describe('rules of the configuration', () => {
  test('are added after our own, with names of this host', () => {
    const texts = ['-a always,exit -F arch=b64 -S openat -F uid=root -k opened'];
    const rules = wantedRules({ ...OPTIONS, texts }, true, 'own');
    expect(rules.at(-1)!.text).toBe(texts[0]!);
    expect(rules.at(-1)!.rule.fields).toContainEqual({ field: 'uid', op: '=', value: 0 });
  });
});

describe('kernelNeeds', () => {
  test('asks for connections and ends of processes only where something wants them', () => {
    expect(kernelNeeds(NO_NEEDS, false)).toMatchObject({
      exec: true,
      rootChanges: true,
      connect: false,
      exit: false,
      bind: false,
    });
    expect(kernelNeeds({ ...NO_NEEDS, connect: true }, false)).toMatchObject({ connect: true, accept: false });
    expect(kernelNeeds(NO_NEEDS, true)).toMatchObject({
      connect: true,
      accept: true,
      bind: true,
      listen: true,
      exit: true,
    });
  });
});
