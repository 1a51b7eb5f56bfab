// Which container a cgroup path names: each kind of path once, as the runtimes make them.

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseCgroup } from '../../src/proc/container-parse.ts';
import { idFromArguments, isRuntime, matchPath } from '../../src/proc/container-patterns.ts';

const A = 'ff5fab353b8df54fc0b65ddd324370b8e28f589127c750fc17a29709c113165b';
const B = '56c6d6b67bb7c3b11da652e1fc69f262c88057d73a408eaff23854938f83dc01';
const POD = '3e1b2f3a-0c4d-4e5f-8a9b-0123456789ab';
const POD_ = POD.replaceAll('-', '_');
const USER = '/user.slice/user-1000.slice/user@1000.service';

/** Path, runtime (`?` where the path doesn't say), id, pod. */
const IN: readonly (readonly [string, string, string?, string?])[] = [
  [`/docker/${A}`, 'docker'],
  [`/docker/${A}/init.scope`, 'docker'],
  [`/jobs/ci/${A}`, '?'],
  [`/actions_job/${A}`, '?'],
  [`/system.slice/docker-${A}.scope`, 'docker'],
  [`/system.slice:docker:${A}`, 'docker'],
  [`${USER}/user.slice/docker-${A}.scope`, 'docker'],
  [`/kubepods/burstable/pod${POD}/${A}`, '?', A, POD],
  [`/kubepods/pod${POD}/${A}`, '?', A, POD],
  [`/kubepods/besteffort/pod3e1b2f3a0c4d4e5f8a9b0123456789ab/${A}`, '?', A, '3e1b2f3a0c4d4e5f8a9b0123456789ab'],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD_}.slice/cri-containerd-${A}.scope`,
    ...(['containerd', A, POD] as const),
  ],
  [`/kubepods.slice/kubepods-pod${POD_}.slice/crio-${A}.scope`, 'cri-o', A, POD],
  [`/kubepods.slice/kubepods-pod${POD_}.slice/crio-${A}.scope/container`, 'cri-o', A, POD],
  [`/system.slice/containerd.service/kubepods-burstable-pod${POD_}.slice:cri-containerd:${A}`, 'containerd', A, POD],
  [`/kubepods/besteffort/pod${POD}/crio-${A}`, 'cri-o', A, POD],
  [`/system.slice/nerdctl-${A}.scope`, 'containerd'],
  [`/libpod_parent/libpod-${A}`, 'podman'],
  [`/machine.slice/libpod-${A}.scope`, 'podman'],
  [`/machine.slice/libpod-${A}.scope/container`, 'podman'],
  [`${USER}/user.slice/libpod-${A}.scope/container`, 'podman'],
  [`${USER}/user.slice/podman-1234.scope/libpod-payload-${A}`, 'podman'],
  ['/lxc/web-1', 'lxc', 'web-1'],
  ['/lxc/101/ns/system.slice/cron.service', 'lxc', '101'],
  ['/lxc.payload/web', 'lxc', 'web'],
  ['/lxc.payload.web.two/init.scope', 'lxc', 'web.two'],
  ['/machine.slice/machine-web\\x2d1.scope/payload', 'nspawn', 'web-1'],
  ['/machine.slice/systemd-nspawn@web.service/payload/init.scope', 'nspawn', 'web'],
];

const OUT = [
  '/',
  '/init.scope',
  '/system.slice/docker.service',
  '/system.slice/containerd.service',
  `/docker/${A.slice(1)}`,
  `/docker/${A}0`,
  `/docker/${A.toUpperCase()}`,
  `/kubepods/burstable/pod${POD}`,
  `/machine.slice/libpod-conmon-${A}.scope`,
  `/kubepods.slice/kubepods-pod${POD_}.slice/crio-conmon-${A}.scope`,
  '/libpod_parent/conmon',
  '/lxc.monitor.web',
  '/lxc.monitor/web',
  '/lxc',
  '/machine.slice/machine-web.scope/supervisor',
  '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope',
  '/user.slice/lxc.payload.web',
  '/process_api/fe749f2608c08a27cdd030d53feaca75',
  `/../${A.slice(0, 12)}`,
];

describe('a cgroup path', () => {
  for (const [path, runtime, id = A, podUid] of IN) {
    test(path, () => {
      const [match, ...more] = matchPath(path);
      expect(more).toEqual([]);
      expect([match?.runtime ?? '?', match?.id, match?.podUid]).toEqual([runtime, id, podUid]);
      expect(`${path}/`.startsWith(`${match?.scope}/`)).toBe(true);
    });
  }

  for (const path of OUT) test(`none: ${path}`, () => expect(matchPath(path)).toEqual([]));

  test('one in another: both, outermost first; a pod in a container is no pod of this host', () => {
    const inner = `/docker/${A}/kubelet/kubepods/pod${POD}/${B}`;
    expect(matchPath(inner).map(({ id, scope }) => [id, scope])).toEqual([
      [A, `/docker/${A}`],
      [B, inner],
    ]);
  });

  test('whatever it is, an answer, soon', () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom('docker', A, `pod${POD}`, 'kubepods', 'lxc', `docker-${A}.scope`),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), parts => {
        const path = `/${parts.join('/')}`;
        for (const { scope, id } of matchPath(path)) {
          expect(path.startsWith(scope)).toBe(true);
          expect(id).not.toBe('');
        }
      }),
    );
    const started = performance.now();
    for (const path of [`/${'pod'.repeat(1_300)}`, `/${'a:'.repeat(2_000)}`, '/docker'.repeat(580), '/'.repeat(4_000)])
      matchPath(path);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

test('lines of /proc/PID/cgroup: version 2 first, names with colons whole', () => {
  const text = `9:name=systemd:/a:b\n8:cpu,cpuacct:/docker/${A} (deleted)\n0::/x\nodd\n`;
  expect(parseCgroup(text)).toEqual([
    { hierarchy: '', path: '/x' },
    { hierarchy: 'name=systemd', path: '/a:b' },
    { hierarchy: 'cpu,cpuacct', path: `/docker/${A}` },
  ]);
});

test('programs that bring a process into a container', () => {
  for (const path of [
    '/usr/sbin/runc',
    '/usr/bin/containerd-shim-runc-v2',
    '/memfd:runc_cloned:/proc/self/exe (deleted)',
    '/usr/bin/conmon',
    '/usr/bin/systemd-nspawn',
  ])
    expect([path, isRuntime(path)]).toEqual([path, true]);
  for (const path of [undefined, '/usr/bin/docker', '/usr/bin/runcx', '/usr/bin/bash'])
    expect([path, isRuntime(path)]).toEqual([path, false]);
  expect(idFromArguments(['containerd-shim-runc-v2', '-namespace', 'moby', '-id', A, '-address', '/x'])).toBe(A);
  expect(idFromArguments(['containerd-shim-runc-v2', '-namespace', 'k8s.io', '-id', A])).toBeUndefined();
  expect(idFromArguments(['runc', '--root', '/r', 'exec', '--detach', A])).toBe(A);
  // A hook of this one runs on the host.
  expect(idFromArguments(['runc', '--root', '/r', 'create', '--bundle', '/b', A])).toBeUndefined();
  expect(idFromArguments(['runc', 'exec', 'name'])).toBeUndefined();
});
