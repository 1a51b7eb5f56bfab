// The facts of the host that the agent runs on.

import type { HostFacts } from './facts.ts';
import { readHost } from './host.ts';
import { fileIdentity, openProcfs, type ProcfsOptions } from './procfs.ts';
import { openUsers } from './users.ts';

export function liveFacts(options: ProcfsOptions = {}): HostFacts {
  const procfs = openProcfs(options);
  const users = openUsers();
  return {
    host: () => readHost(),
    boot: procfs.boot,
    uptimeMs: procfs.uptimeMs,
    listPids: procfs.listPids,
    readProcess: procfs.readProcess,
    startTicks: procfs.startTicks,
    processRoot: procfs.processRoot,
    hostFile: fileIdentity,
    refreshUsers: users.refresh,
    userName: users.userName,
    groupName: users.groupName,
  };
}
