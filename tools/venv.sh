#!/usr/bin/env bash
# Makes the virtual environment with everything that development and tests need. Usage: tools/venv.sh DIRECTORY
set -euo pipefail
venv=$1
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "steelyard needs Python 3.11 or newer; $python is $("$python" -V). Set PYTHON."; exit 1; }
rust=1.88
command -v cargo >/dev/null || { echo "steelyard needs a Rust toolchain ($rust or newer): https://rustup.rs"; exit 1; }
found=$(${RUSTC:-rustc} --version 2>/dev/null | cut -d' ' -f2) || true
[ "$(printf '%s\n' "$rust" "${found:-0}" | sort -V | head -n 1)" = "$rust" ] || {
  echo "steelyard needs rustc $rust or newer; ${RUSTC:-rustc} is ${found:-missing}. Run: rustup update"; exit 1; }
[ -x "$venv/bin/python" ] || { echo "== making the virtual environment $venv"; "$python" -m venv "$venv"; }
echo "== installing Python packages"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
"$venv/bin/python" - <<'PY' >"$venv/requirements.txt"
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
extras = project["project"].get("optional-dependencies", {})
print("\n".join([*project["project"]["dependencies"], *sum(extras.values(), []), *project["dependency-groups"]["dev"]]))
PY
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$venv/requirements.txt"
touch "$venv/.dev"
