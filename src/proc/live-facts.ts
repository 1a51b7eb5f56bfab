// The facts of the host that the agent runs on.

import { openDetails } from './container-details.ts';
import { openContainers } from './container-reader.ts';
import { type HostFacts, TOLD } from './facts.ts';
import { readHost } from './host.ts';
import { fileIdentity, openProcfs, type ProcfsOptions } from './procfs.ts';
import { openUsers } from './users.ts';

export function liveFacts(options: ProcfsOptions = {}): HostFacts {
  const procfs = openProcfs(options);
  const users = openUsers();
  const containers = openContainers(procfs);
  const details = openDetails();
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
    processContainer: containers.ofProcess,
    listContainers: containers.list,
    containerProcesses: containers.processes,
    containerDetails(scope) {
      const ref =
        containers.ref(scope) ??
        (scope.startsWith(TOLD) ? { id: scope.slice(TOLD.length), runtime: 'docker', scope } : undefined);
      return ref === undefined ? {} : details.get(ref, () => containers.upper(scope));
    },
    isDrift: containers.isDrift,
  };
}
