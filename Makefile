# Needs python3 (3.11 or later, with venv) and make. Everything else comes from the two hash-locked requirements files
# into .venv, which is made once and renewed when a lock changes.
.DEFAULT_GOAL := help
PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet
WORKERS ?= 2
LABS ?= 1
SPEED ?= 6

.PHONY: help run test faults soak check bench bench-watch bench-loki bench-respond lab test-lab record docs lock format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r target what; do printf '  %-17s%s\n' "$$target" "$$what"; done

run: .venv/run.done ## the main job: watch the recorded examples as they grow anew; SCAN=1: scan them
ifdef SCAN
	@echo '$$ vedette scan --config examples/homelab.yaml examples/logs'
	@.venv/bin/vedette scan --config examples/homelab.yaml examples/logs; code=$$?; \
	if [ $$code -eq 0 ]; then echo 'no alerts: the examples hold some, so something is wrong' >&2; exit 1; fi; \
	if [ $$code -ne 1 ]; then exit $$code; fi
else
	@.venv/bin/python examples/replay.py --speed $(SPEED)
endif

test: .venv/dev.done ## every test that a fresh machine can run
	.venv/bin/python -m pytest -n $(WORKERS) -ra $(AGAIN)

faults: .venv/dev.done ## the tests of what watch must survive, with every call and 400 kills instead of a sample
	VEDETTE_FAULTS=ci .venv/bin/python -m pytest -n $(WORKERS) -ra tests/faults $(AGAIN)

soak: .venv/dev.done ## thousands of kills, faults and rotations (an hour)
	VEDETTE_FAULTS=soak .venv/bin/python -m pytest -n $(WORKERS) -ra tests/faults

check: .venv/dev.done ## lint, format, types, import contract, printed docs, changelog
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/python docs/printer.py --check
	.venv/bin/python changelog.d/check.py

format: .venv/dev.done ## write the formatting that check asks for
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: .venv/run.done ## print docs/reference and docs/rules from the code
	.venv/bin/python docs/printer.py

bench: .venv/dev.done ## the ratios against decoding alone and against peers
	.venv/bin/python bench/run.py

bench-watch: .venv/dev.done ## the figures of watching: throughput, latency, memory
	.venv/bin/python bench/watch.py

bench-loki: .venv/dev.done ## the rules on a real Loki against one scan, and what each text filter saves
	VEDETTE_PARTS="$$(.venv/bin/python -c 'from lab.built import folder; print(folder())')" .venv/bin/python bench/loki.py

bench-respond: .venv/dev.done ## what surrounds an alert, out of 5 GB of evidence, against zstd and grep
	.venv/bin/python bench/respond.py

lab: .venv/dev.done ## real servers on loopback with both engines, until Ctrl-C; builds what is missing (35 minutes at first)
	@.venv/bin/python -m lab

test-lab: .venv/dev.done ## a real act for each rule, from the server to Slack's stand-in, by both engines
	VEDETTE_LAB=1 .venv/bin/python -m pytest -n $(LABS) --dist loadfile -ra tests/lab $(AGAIN)

record: .venv/dev.done ## record examples/logs anew from the lab's servers (root, two minutes)
	@.venv/bin/python -m lab --build
	BIN="$$(.venv/bin/python -c 'from lab.built import folder; print(folder())')" bash examples/record/record.sh examples/logs

lock: .venv/dev.done ## renew the locks from pyproject.toml
	.venv/bin/uv pip compile $(LOCK) --group run --output-file requirements.lock pyproject.toml
	.venv/bin/uv pip compile $(LOCK) --group dev --extra hcl --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	.venv/bin/uv pip compile $(LOCK) --group oracle --constraint requirements-dev.lock --output-file requirements-oracle.lock pyproject.toml

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

clean: ## remove what was made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .run

# The locked packages; a changed lock means a new environment, so nothing of the old one lingers.
.venv/lock.done: requirements.lock
	$(PYTHON) -m venv --clear .venv
	$(PIP) --require-hashes -r requirements.lock
	@touch $@

# The working tree itself, as it stands (editable), built by the locked hatchling.
.venv/run.done: .venv/lock.done pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.done: .venv/run.done requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
