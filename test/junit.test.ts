// The runner's counts hang on this: what bun test writes, read back.

import { expect, test } from 'bun:test';
import { parseJunit } from './junit.ts';

// As bun 1.4.5 wrote it, shortened.
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="6" assertions="4" failures="1" skipped="2" time="0.004493009">
  <testsuite name="a.test.ts" file="a.test.ts" tests="6" assertions="4" failures="1" skipped="2" time="0.001464377" hostname="vm">
    <testsuite name="grp &lt;x&gt;" file="a.test.ts" line="2" tests="5" assertions="4" failures="1" skipped="1" time="0" hostname="vm">
      <testcase name="ok &quot;1&quot;" classname="grp &lt;x&gt;" time="0.000034" file="a.test.ts" line="3" assertions="1" />
      <testcase name="skipped (needs root)" classname="grp &lt;x&gt;" time="0" file="a.test.ts" line="4" assertions="0">
        <skipped />
      </testcase>
      <testcase name="bad" classname="grp &lt;x&gt;" time="0.000122" file="a.test.ts" line="5" assertions="1">
        <failure type="AssertionError" message="expect(received).toBe(expected)&#10;&#10;Expected: 2">AssertionError</failure>
      </testcase>
    </testsuite>
    <testcase name="later" classname="" time="0" file="a.test.ts" line="8" assertions="0">
      <skipped message="later" />
    </testcase>
  </testsuite>
</testsuites>`;

test('each case with its name and outcome', () => {
  expect(parseJunit(REPORT)).toEqual([
    { name: 'grp <x> > ok "1"', outcome: 'passed' },
    { name: 'grp <x> > skipped (needs root)', outcome: 'skipped' },
    { name: 'grp <x> > bad', outcome: 'failed' },
    { name: 'later', outcome: 'skipped' },
  ]);
});

test('nothing where there is no report', () => {
  expect(parseJunit('')).toEqual([]);
  expect(parseJunit('<testsuites/>')).toEqual([]);
});
