#!/usr/bin/env bash
# Proves an installed package: it starts, and its demonstration serves without a failure. Usage: tools/smoke.sh BIN-DIRECTORY
set -euo pipefail
bin=$(realpath -s "$1")
room=$(mktemp -d); trap 'rm -rf "$room"' EXIT
cd "$room"
"$bin/steelyard" --version
"$bin/steelyard" demo --seconds 3 --json >demo.json || { echo "wheel: the demonstration failed:"; cat demo.json; exit 1; }
"$bin/python" -c "import json,platform; s=json.load(open('demo.json')); assert s['requests'] > 0 and s['failures'] == 0, s; print('wheel:', platform.machine(), 'demo served', s['requests'], 'requests, 0 failures')"
