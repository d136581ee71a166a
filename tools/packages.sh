#!/usr/bin/env bash
# Installs the Debian packages that tests and benchmarks run against (real peers), where this is Debian and we are root.
# Elsewhere it says what is missing; the tests that need it then say that they were skipped and why.
set -euo pipefail
PATH=$PATH:/usr/sbin
declare -A needed=([nginx]=nginx-light [haproxy]=haproxy [curl]=curl [ip]=iproute2 [redis-server]=redis-server
  [memcached]=memcached [mariadbd]=mariadb-server [pg_ctlcluster]=postgresql)
missing=()
for program in "${!needed[@]}"; do
  command -v "$program" >/dev/null || missing+=("${needed[$program]}")
done
command -v valkey-server >/dev/null && valkey= || valkey=valkey-server
[ ${#missing[@]} -eq 0 ] && [ -z "$valkey" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "== missing packages (install them to run every test): ${missing[*]} $valkey"
  exit 0
fi

sources=$(mktemp)
trap 'rm -f "$sources"' EXIT
# The services these packages would start are not wanted: tests start their own, on free ports.
[ -e /usr/sbin/policy-rc.d ] || {
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f "$sources" /usr/sbin/policy-rc.d' EXIT
}
apt() { apt-get -qq -o Dir::Etc::sourcelist="$sources" "$@"; }
[ ! -e /etc/apt/sources.list ] || cat /etc/apt/sources.list >"$sources"
# Debian has Valkey since 13; for 12 it is in the backports of the same mirror, read for this package only.
if [ -n "$valkey" ] && [ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = bookworm ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1) || true
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -z "$mirror" ] || echo "deb [signed-by=$keys] $mirror bookworm-backports main" >>"$sources"
fi
echo "== installing Debian packages: ${missing[*]} $valkey"
export DEBIAN_FRONTEND=noninteractive
apt update || { sed -i /bookworm-backports/d "$sources" && apt update; } # not every mirror has them
[ ${#missing[@]} -eq 0 ] || apt install -y --no-install-recommends "${missing[@]}" >/dev/null
[ -z "$valkey" ] || apt install -y --no-install-recommends "$valkey" >/dev/null ||
  echo "== no package $valkey here: the tests against Valkey will be skipped"
