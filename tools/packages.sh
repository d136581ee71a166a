#!/usr/bin/env bash
# Installs the Debian packages that tests and benchmarks run against (real peers), where this is Debian and we are root.
# Elsewhere it says what is missing; the tests that need it then say that they were skipped and why.
set -euo pipefail
declare -A needed=([nginx]=nginx-light [haproxy]=haproxy [curl]=curl [redis-server]=redis-server
  [memcached]=memcached [mariadbd]=mariadb-server [pg_ctlcluster]=postgresql)
missing=()
for program in "${!needed[@]}"; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || missing+=("${needed[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "== installing Debian packages: ${missing[*]}"
  # The services these packages would start are not wanted: tests start their own, on free ports.
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "== missing packages (install them to run every test): ${missing[*]}"
fi
