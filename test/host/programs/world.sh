#!/bin/sh
# A copy of the host in which everything may be done: world.sh SETUP KEEP COMMAND [ARGUMENT]... runs SETUP, a script, and then the command
# where the folders that programs change are layered over the host's, in a mount namespace that ends with the last process in it.
# The scripts whose names are written into the FIFO KEEP/world are run by a shell that was there first: who enters later is a stranger.
# KEEP is the one folder that is the host's own; the layers are in it too, on the disk of the folders below them where that can be: an
# overlay over two file systems has other device numbers for its files than audit says. What is in the host's /tmp isn't there otherwise,
# but for the command's program.
set -eu
exec unshare --mount --propagation private sh -euc '
  setup=$1 keep=$2; shift 2
  mount --bind "$(mktemp -d "$keep/layers.XXXXXX")" /mnt; chmod 755 /mnt
  touch "/mnt/${1##*/}"; mount --bind "$1" "/mnt/${1##*/}"
  mkdir /mnt/keep; mount --bind "$keep" /mnt/keep
  for name in boot etc home opt root run srv usr var; do
    mkdir -p "/mnt/$name/upper" "/mnt/$name/work"
    layers="lowerdir=/$name,upperdir=/mnt/$name/upper,workdir=/mnt/$name/work"
    mount -t overlay overlay -o "$layers,index=on,nfs_export=on" "/$name"
  done
  for name in /dev/shm /tmp; do mount -t tmpfs -o mode=1777 none $name; done
  mkdir -p "$keep"; mount --bind /mnt/keep "$keep"
  sh -euc "$setup" >&2
  while read -r script; do
    code=0; sh -eu "$script" > "$script.said" 2>&1 || code=$?
    echo $code > "$script.code.new"; mv "$script.code.new" "$script.code"
  done < "$keep/world" > /dev/null &
  program=/mnt/${1##*/}; shift
  cd /; exec "$program" "$@"' sh "$@"
