#!/usr/bin/env bash
# Builds the wheel into dist/ and proves it in a clean environment. Usage: tools/wheel.sh BIN-DIRECTORY
set -euo pipefail
rm -f dist/*.whl
"$1/maturin" build --release --quiet --out dist
room=$(mktemp -d); trap 'rm -rf "$room"' EXIT
"${PYTHON:-python3}" -m venv "$room/venv"
"$room/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl
tools/smoke.sh "$room/venv/bin"
ls -l dist/*.whl
