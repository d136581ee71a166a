#!/usr/bin/env bash
# Inside the arm64 tree: an environment with everything that the package and its unit tests need, kept from one run to the
# next because installing is slow under emulation, and the wheel in it. Usage: tools/arm64/install.sh DIRECTORY WHEEL
set -euo pipefail
venv=$1 wheel=$2
wanted=$(python3 - <<'PY'
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
# What only builds or judges the source has nothing to do here.
tools = ("maturin", "mypy", "ruff", "import-linter", "types-")
extras = project["project"]["optional-dependencies"]
tests = [name for name in project["dependency-groups"]["dev"] if not name.startswith(tools)]
print("\n".join([*project["project"]["dependencies"], *sum(extras.values(), []), *tests]))
PY
)
if [ "$(cat "$venv/wanted.txt" 2>/dev/null)" != "$wanted" ]; then
  echo "== installing Python packages for arm64 (some minutes, the first time)"
  rm -rf "$venv"
  python3 -m venv "$venv"
  echo "$wanted" >"$venv/requirements.txt"
  # A C compiler is not there: what has no wheel for arm64 is to be seen, not built. Python's byte code is made at first
  # use, which spares that of all the modules that nothing imports.
  "$venv/bin/python" -m pip install --quiet --no-compile --only-binary :all: -r "$venv/requirements.txt"
  mv "$venv/requirements.txt" "$venv/wanted.txt"
fi
"$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
"$venv/bin/python" -m pip check
