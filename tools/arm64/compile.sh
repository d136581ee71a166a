#!/usr/bin/env bash
# Runs a command in the tree of the cross compiler, with this repository and cargo's downloads at their own places.
# Usage: unshare --mount tools/arm64/compile.sh TREE COMMAND…      (the mounts end with the namespace)
set -euo pipefail
tree=$1; shift
cargo=$(realpath "${CARGO_HOME:-$HOME/.cargo}")
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
for path in "$PWD" "$cargo"; do
  mkdir -p "$tree$path"
  mount --bind "$path" "$tree$path"
done
# qemu finds the C library for the tests where the cross compiler has it.
exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME="$cargo" CARGO_NET_OFFLINE=true \
  CARGO_TARGET_DIR="$PWD/target/arm64" ${CARGO_BUILD_JOBS:+CARGO_BUILD_JOBS="$CARGO_BUILD_JOBS"} \
  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc \
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu" \
  chroot "$tree" sh -c 'cd "$1"; shift; exec "$@"' sh "$PWD" "$@"
