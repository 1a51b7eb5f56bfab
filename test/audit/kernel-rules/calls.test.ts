import { expect, test } from 'bun:test';
import { type CallNeed, groupCalls } from '../../../src/audit/kernel-rules/calls.ts';

const need = (names: string, conditions = '', keys = ''): CallNeed => {
  const words = (text: string): string[] => text.split(' ').filter(word => word !== '');
  return { names: words(names), conditions: words(conditions), keys: words(keys) };
};

test('calls of the same conditions are one', () =>
  expect(groupCalls([need('mount'), need('umount2 mount'), need('socket', 'a0=0x26')])).toEqual([
    need('socket', 'a0=0x26'),
    need('mount umount2'),
  ]));

test('what is asked for whole is not asked for in part', () =>
  expect(groupCalls([need('mount', 'success=1'), need('mount')])).toEqual([need('mount')]));

test('keys of the same events are in one rule, for only the first that matches gives its own', () => {
  const both = groupCalls([need('mount', '', 'one'), need('mount', '', 'two'), need('umount2')]);
  expect(both).toEqual([need('mount', '', 'one two'), need('umount2')]);
  // A key of some of the events must not be lost to the rule for all of them.
  expect(groupCalls([need('mount'), need('mount', 'success=0', 'failed')])).toHaveLength(2);
});
