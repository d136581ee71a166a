# The only entry points; CI calls the same. Each does its own set-up on a fresh machine and is quick the second time.
#   make demo [SECONDS=n]   three servers of unequal speed, the balancer, a load, a server that dies and comes back
#   make test               every tier of tests; says what it skipped and why
#   make bench              us, nginx, HAProxy and the floor, interleaved in one run, as ratios
#   make lint               ruff, mypy, import-linter, stubtest, rustfmt, clippy
#   make fuzz [SECONDS=n]   generated hostile bytes, against the parser and against the running process
#   make docs               the generated pages and pictures
#   make build              a wheel in dist/, smoke-tested in a clean environment
#   make arm64              the wheel for arm64 in dist/arm64/, run and tested under emulation (x86-64 Debian, root)
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?=
ARGS ?=
NATIVE_SOURCES := $(shell find crates -name '*.rs' -o -name 'Cargo.toml') Cargo.toml

.PHONY: help demo test bench lint build arm64 fuzz docs clean packages

help:
	@sed -n '2,9s/^# *//p' Makefile

$(VENV)/.dev: pyproject.toml tools/venv.sh
	@tools/venv.sh $(VENV)

$(VENV)/.native: $(VENV)/.dev $(NATIVE_SOURCES) Cargo.lock
	@echo "== building the native module (a minute or two the first time)"
	@$(BIN)/maturin develop --release --quiet
	@touch $@

packages:
	@tools/packages.sh

demo: $(VENV)/.native
	@$(BIN)/steelyard demo $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

test: packages $(VENV)/.native
	cargo test --workspace --exclude steelyard-native --quiet
	$(BIN)/pytest $(ARGS)

bench: packages $(VENV)/.native
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(VENV)/.native
	cargo run --release --quiet -p steelyard-http --example fuzz -- $(or $(SECONDS),60)
	STEELYARD_HOSTILE_SECONDS=$(or $(SECONDS),60) $(BIN)/pytest -s tests/survival/test_hostile_bytes.py --timeout 0

docs: $(VENV)/.native
	$(BIN)/python -m steelyard.config.reference >docs/reference/configuration.md
	$(BIN)/python tools/sessions_reference.py
	$(BIN)/python -m steelyard.cli.document >docs/commands.md
	$(BIN)/python -m steelyard.admin.metric_table >docs/metrics.md
	$(BIN)/python tools/draw_states.py
	$(BIN)/python tools/draw_demo.py
	$(BIN)/python tools/draw_algorithms.py

lint: $(VENV)/.native
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict benchmarks
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest steelyard._native
	cargo fmt --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

build: $(VENV)/.dev
	@tools/wheel.sh $(BIN)

arm64: $(VENV)/.dev
	@tools/arm64.sh $(BIN) $(ARGS)

clean:
	rm -rf target dist $(VENV)
