// Which host this is.

import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { HostIdentity } from './facts.ts';
import { readBootId } from './procfs.ts';

const MACHINE_ID = /^[0-9a-f]{32}$/;
const NO_MACHINE_ID = '00000000000000000000000000000000';

export interface HostPaths {
  readonly machineId?: string;
  readonly dbusMachineId?: string;
}

/** The host's identity, or `undefined` where not even a boot id can be read (no /proc). */
export function readHost(paths: HostPaths = {}): HostIdentity | undefined {
  const machineIdPath = paths.machineId ?? '/etc/machine-id';
  const dbusPath = paths.dbusMachineId ?? '/var/lib/dbus/machine-id';
  const bootId = readBootId();
  const hostname = os.hostname();
  const base = {
    name: hostname,
    hostname,
    architecture: os.machine(),
    kernelRelease: os.release(),
    ...(bootId !== undefined && { bootId }),
  };
  const machineId = readMachineId(machineIdPath);
  if (machineId.id !== undefined) return { ...base, id: machineId.id, idSource: 'machine_id' };
  const dbus = readMachineId(dbusPath);
  if (dbus.id !== undefined) return { ...base, id: dbus.id, idSource: 'dbus_machine_id', idReason: machineId.reason };
  if (bootId === undefined) return undefined;
  return {
    ...base,
    id: bootId.replaceAll('-', ''),
    idSource: 'boot_id',
    idReason: `${machineId.reason}; ${dbus.reason}; the boot id is used, which changes with every boot`,
  };
}

type MachineId = { readonly id: string; readonly reason?: never } | { readonly id?: never; readonly reason: string };

function readMachineId(path: string): MachineId {
  let text: string;
  try {
    text = readFileSync(path, 'latin1').trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { reason: `${path}: ${code}` };
  }
  // An image that is yet to boot holds `uninitialized`, or nothing.
  if (!MACHINE_ID.test(text) || text === NO_MACHINE_ID) return { reason: `${path}: holds no machine id` };
  return { id: text };
}
