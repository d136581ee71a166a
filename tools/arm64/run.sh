#!/usr/bin/env bash
# Runs a command in the arm64 tree, with this repository at its own place, read-only. Programs for arm64 are given to QEMU
# by a handler that exists only in this user namespace (Linux 6.7 and newer), or by one that the machine has already.
# Usage: unshare --user --map-root-user --mount tools/arm64/run.sh TREE QEMU COMMAND…
set -euo pipefail
tree=$1 qemu=$2; shift 2
# The start of an ELF file for arm64, and which of its bits count (the ABI's and the type's lowest do not).
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
mkdir -p "$tree/handlers" "$tree$PWD" "$tree/etc/ssl/certs"
if mount -t binfmt_misc binfmt_misc "$tree/handlers" 2>/dev/null; then
  # F: the kernel opens QEMU now, so that it is found from within the tree.
  echo ":steelyard-arm64:M::$magic:$mask:$qemu:F" >"$tree/handlers/register"
elif ! grep -qs '^interpreter .*aarch64' /proc/sys/fs/binfmt_misc/*; then
  echo "arm64: this kernel ($(uname -r)) gives no handler to a namespace: use 6.7 or newer, or apt-get install qemu-user-static"
  exit 1
fi
for path in /proc /dev /sys; do mount --rbind "$path" "$tree$path"; done
mount -t tmpfs tmpfs "$tree/tmp"
mount --bind -o ro "$PWD" "$tree$PWD"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ ! -e "$file" ] || cp -L "$file" "$tree$file"
done
exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_DEFAULT_TIMEOUT=180 \
  HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis \
  chroot "$tree" sh -c 'cd "$1"; shift; exec "$@"' sh "$PWD" "$@"
