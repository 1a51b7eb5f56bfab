#!/bin/bash
# A container without a runtime: container.sh CGROUP ROOT LAUNCHER SCRIPT. Its root is layered over the host's, what it writes goes
# to ROOT/overlay2/layer/diff; its processes are in CGROUP. LAUNCHER is a copy of unshare, under a name of its own.
set -eu
cgroup=$1 root=$2 launcher=$3 script=$4
layer=$root/overlay2/layer
mkdir -p "$layer/diff" "$layer/work" "$layer/merged"
echo 0 > "$cgroup/cgroup.procs"
export layer script
exec "$launcher" --mount --propagation private --pid --fork /bin/bash -c '
  mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/diff,workdir=$layer/work" "$layer/merged"
  mount -t proc proc "$layer/merged/proc"
  exec chroot "$layer/merged" /bin/bash -c "$script"'
