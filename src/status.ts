// What `puppy-hids status` is told by the running agent.

import type { FiredRule } from './rules/fired.ts';

export interface Status {
  readonly version: string;
  readonly pid: number;
  readonly startedMs: number;
  /** The sources that run. */
  readonly sources: readonly string[];
  /** Audit's; absent without it. */
  readonly mode?: string;
  /** Audit rules that the agent added to the kernel's; absent without audit. */
  readonly kernelRules?: number;
  readonly rules: { readonly loaded: number; readonly canFire: number; readonly rejected: number };
  /** The rules that alerted most. */
  readonly fired: readonly (FiredRule & { readonly title: string })[];
  /** As in a heartbeat. */
  readonly counters: Readonly<Record<string, unknown>>;
}
