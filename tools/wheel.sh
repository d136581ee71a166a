#!/usr/bin/env bash
# Builds the wheel into dist/ and proves it in a clean environment. Usage: tools/wheel.sh BIN-DIRECTORY
set -euo pipefail
rm -rf dist
"$1/maturin" build --release --quiet --out dist
room=$(mktemp -d); trap 'rm -rf "$room"' EXIT
"${PYTHON:-python3}" -m venv "$room/venv"
"$room/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
cd "$room"
"$room/venv/bin/steelyard" --version
"$room/venv/bin/steelyard" demo --seconds 3 --json >"$room/demo.json"
"$room/venv/bin/python" -c "import json,sys; s=json.load(open(sys.argv[1])); assert s['requests'] > 0 and s['failures'] == 0, s; print('wheel: demo served', s['requests'], 'requests, 0 failures')" "$room/demo.json"
ls -l "$OLDPWD"/dist/*.whl
