#!/usr/bin/env bash
# Builds the wheel for arm64 on an x86-64 Debian and runs it there: compiled by Debian's Rust, run by QEMU. Then the
# tests of the crates and of the native module. Usage: tools/arm64.sh BIN-DIRECTORY [wheel]      (`wheel`: without the tests)
#
# What it needs is in two Debian trees under $STEELYARD_ARM64 (1.7 GB), made by mmdebstrap from this machine's own apt
# sources: `build` for amd64 (rustc, cross linker, Rust's library for arm64, QEMU) and `run` for arm64 (Python). Nothing
# of them is installed on the machine itself, and mounts and the handler for arm64 programs end with their namespaces,
# however this script ends. Emulation keeps the strict memory order of x86-64: what it cannot show is in decision 0110.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1 part=${2:-all}
cache=${STEELYARD_ARM64:-/var/cache/steelyard-arm64}
here=tools/arm64

fail() { echo "arm64: $*"; exit 1; }
[[ $part =~ ^(all|wheel)$ ]] || fail "'$part' is no part: say wheel, or nothing for all"
case $(uname -m) in
  x86_64) ;;
  aarch64) fail "this machine is arm64: make build and make test need no emulation here" ;;
  *) fail "made for x86-64; this machine is $(uname -m)" ;;
esac
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "needs root on Debian (12 or newer): it makes Debian trees and mounts"

# One at a time: the trees are shared by all clones of the repository.
mkdir -p "$cache"
exec 9>"$cache/lock"
flock --nonblock 9 || { echo "== waiting for another run"; flock 9; }

# The Debian repositories of this machine, whatever their mirror, one `deb` line each.
sources() { apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' 'Origin: Debian' 'Component: main' 'Architecture: amd64'; }

# Makes a tree of packages that are unpacked and not configured, so that no program of another machine has to run for it.
tree() { # NAME ARCHITECTURES HOOK PACKAGES
  local name=$1 recipe="$*"
  [ "$(cat "$cache/$name/.recipe" 2>/dev/null)" = "$recipe" ] && return
  echo "== making the Debian tree $cache/$name (a minute or two, the first time)"
  apt-get update -qq
  command -v mmdebstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
  rm -rf "${cache:?}/$name" "$cache/$name.new"
  sources | mmdebstrap --logfile="$cache/$name.log" --mode=root --variant=extract --architectures="$2" --include="$4" --extract-hook="$3" \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "" "$cache/$name.new" - || { tail -n 20 "$cache/$name.log"; fail "apt could not make the tree of $4: see $cache/$name.log"; }
  echo "$recipe" >"$cache/$name.new/.recipe"
  mv "$cache/$name.new" "$cache/$name"
}

compile() { unshare --mount --kill-child "$here/compile.sh" "$cache/build" "$@"; }
emulate() { unshare --user --map-root-user --mount --kill-child "$here/run.sh" "$cache/run" "$cache/build/usr/bin/qemu-aarch64-static" "$@"; }

base=base-files,bash,coreutils,dash,grep,libc-bin,sed
# Rust's library alone: the package of the same version, without the LLVM for arm64 that it asks for.
library='cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -qq libstd-rust-web-dev:arm64 && dpkg-deb -x libstd-rust-*.deb "$1" && rm libstd-rust-*.deb'
tree build amd64,arm64 "$library" "$base,rustc-web,cargo-web,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross,qemu-user-static"
tree run arm64 true "$base,netbase,procps,python3,python3-venv,python3-pip-whl"

echo "== the wheel for arm64"
cargo fetch --locked --quiet
rm -rf dist/arm64
compile "$bin/maturin" build --release --quiet --target aarch64-unknown-linux-gnu --interpreter python3.11 --out dist/arm64
wheel=$(ls dist/arm64/*.whl)
emulate "$here/install.sh" /opt/steelyard "$wheel"
emulate tools/smoke.sh /opt/steelyard/bin
ls -l "$wheel"
[ "$part" = all ] || exit 0

echo "== the tests of the crates, under emulation"
compile cargo test --quiet --workspace --exclude steelyard-native --target aarch64-unknown-linux-gnu
echo "== the tests of the native module, under emulation"
# Those that touch the native module; the rest is Python alone, and slow here.
emulate /opt/steelyard/bin/python -m pytest -p no:cacheprovider --timeout 600 \
  tests/unit/test_native.py tests/unit/test_scheduler.py tests/unit/planes tests/unit/control/test_publish.py
