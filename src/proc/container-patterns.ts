// Which containers a cgroup path names. Data, and the few lines that read it. Pure.
//
// From cgroup paths of Docker 20.10 and containerd 1.6 (measured), and of the runtimes' sources: moby (cgroupfs, systemd drivers),
// containerd CRI, cri-o, podman, the kubelet, liblxc, systemd-nspawn.

/** A container that a path names. */
export interface PathMatch {
  readonly id: string;
  readonly runtime?: string;
  readonly podUid?: string;
  /** True where the id is a name that somebody chose, and not one that nobody could guess. */
  readonly isName?: true;
  /** The path up to the container's own cgroup. */
  readonly scope: string;
}

interface Pattern {
  /** Of one component. The first group is the id. */
  readonly component: RegExp;
  /** Of the component before it. */
  readonly below?: RegExp;
  /** Directly below the root only. */
  readonly top?: true;
  readonly runtime?: string;
  readonly isName?: true;
}

const PATTERNS: readonly Pattern[] = [
  { component: /^([0-9a-f]{64})$/, below: /^docker$/, runtime: 'docker' },
  { component: /^docker-([0-9a-f]{64})\.scope$/, runtime: 'docker' },
  { component: /^(?:cri-containerd|nerdctl)-([0-9a-f]{64})\.scope$/, runtime: 'containerd' },
  { component: /:(?:cri-containerd|nerdctl):([0-9a-f]{64})$/, runtime: 'containerd' },
  { component: /:docker:([0-9a-f]{64})$/, runtime: 'docker' },
  { component: /^crio-([0-9a-f]{64})(?:\.scope)?$/, runtime: 'cri-o' },
  { component: /^libpod-(?:payload-)?([0-9a-f]{64})(?:\.scope)?$/, runtime: 'podman' },
  // Kubernetes' cgroupfs driver, Docker with --cgroup-parent, CI runners: the path doesn't say whose.
  { component: /^([0-9a-f]{64})$/ },
  { component: /^(.+)$/, below: /^lxc(?:\.payload)?$/, top: true, runtime: 'lxc', isName: true },
  { component: /^lxc\.payload\.(.+)$/, top: true, runtime: 'lxc', isName: true },
  {
    component: /^machine-(?!(?:qemu|lxc|ch|xen)\\x2d)(.+)\.scope$/,
    below: /^machine\.slice$/,
    runtime: 'nspawn',
    isName: true,
  },
  { component: /^systemd-nspawn@(.+)\.service$/, below: /^machine\.slice$/, runtime: 'nspawn', isName: true },
];

const POD = /^(?:kubepods.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;
/** Below a container's own cgroup: what watches it from the host's side. */
const OUTSIDE = new Set(['supervisor', 'conmon']);
const PATH_MAX = 4_096;
const DEPTH_MAX = 64;

/** The containers of a cgroup path, outermost first. */
export function matchPath(path: string): PathMatch[] {
  if (path.length > PATH_MAX || !path.startsWith('/')) return [];
  const parts = path.split('/', DEPTH_MAX);
  const found: PathMatch[] = [];
  let podUid: string | undefined;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i]!;
    const colon = part.indexOf(':');
    const pod = POD.exec(colon < 0 ? part : part.slice(0, colon));
    if (pod !== null && parts.slice(1, i + 1).some(above => above.startsWith('kubepods'))) {
      podUid = pod[1]!.replaceAll('_', '-');
      if (colon < 0) continue;
    }
    const match = matchComponent(part, parts[i - 1]!, i);
    if (match === undefined || OUTSIDE.has(parts[i + 1] ?? '')) continue;
    found.push({
      ...match,
      ...(podUid !== undefined && { podUid }),
      scope: parts.slice(0, i + 1).join('/'),
    });
    podUid = undefined;
  }
  return found;
}

function matchComponent(part: string, above: string, depth: number): Omit<PathMatch, 'scope'> | undefined {
  for (const { component, below, top, runtime, isName } of PATTERNS) {
    if (below !== undefined && !below.test(above)) continue;
    if (top && depth !== (below === undefined ? 1 : 2)) continue;
    const id = component.exec(part)?.[1];
    if (id === undefined) continue;
    return {
      id: isName ? unescapeUnit(id) : id,
      ...(runtime !== undefined && { runtime }),
      ...(isName && { isName }),
    };
  }
  return undefined;
}

/** systemd's names of units have `-` and odd bytes as `\xNN`. */
function unescapeUnit(name: string): string {
  return name.replaceAll('\\x2d', '-');
}

/** Programs that bring a process into a container: what they start may be in another one than they are. */
const RUNTIME =
  /(?:^|\/)(?:runc|crun|youki|runsc|conmon|lxc-(?:start|execute|attach)|lxd|incusd|systemd-nspawn|containerd-shim[\w.-]*)(?: \(deleted\))?$|^\/memfd:runc_cloned:/;

export function isRuntime(executable: string | undefined): boolean {
  return executable !== undefined && RUNTIME.test(executable);
}

/**
 * The command line of a runtime names the container: `containerd-shim-runc-v2 -namespace moby -id ID`, `runc exec … ID`. What runc
 * starts to create a container may be a hook, which is on the host.
 */
export function idFromArguments(args: readonly string[] | undefined): string | undefined {
  if (args === undefined || args.length > 64) return undefined;
  const at = args.indexOf('-id');
  // The shim of a pod has the sandbox's id, not the container's.
  const isDocker = args[args.indexOf('-namespace') + 1] === 'moby';
  const id = at > 0 && isDocker ? args[at + 1] : at < 0 && args.includes('exec') ? args.at(-1) : undefined;
  return id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id : undefined;
}
