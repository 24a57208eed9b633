# Everything needs python3 (3.11 or newer) with venv, and make; uv is used when it is there, because it is faster.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# Wheels only, each with its hash: nothing unpinned is fetched or built.
INSTALL := $(if $(UV),$(UV) pip install -q --compile-bytecode --python $(BIN)/python,$(BIN)/python -m pip install -q --disable-pip-version-check)
LOCKED := $(INSTALL) --require-hashes --only-binary :all: -r
OURSELVES := $(INSTALL) --no-deps --no-build-isolation -e .
# Hundreds of commands are started, some where Python is told not to keep what it compiles.
COMPILE := $(BIN)/python -m compileall -q mailer tests/support
EXPORT := export --frozen --no-emit-project --no-header --no-annotate -q

BENCHMARKS := compose dispatch killed web $(if $(MAILER_BOUNCE_CORPUS),bounces)

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types contracts docs bench bench-peers mutants render-report lock migration clean

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r what does; do printf '%-18s %s\n' "$$what" "$$does"; done

demo: .stamp/runtime  ## set everything up and run the whole journey on this machine
	@$(COMPILE)
	$(BIN)/mailer demo

test: .stamp/dev  ## set everything up and run all tests (PYTEST_ARGS="-k word" for some)
	@$(COMPILE)
	$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

check: lint types contracts  ## lint, types, contracts between the rooms, docs
	$(BIN)/python tools/docs.py --check
	$(BIN)/python -m pytest -q tests/test_docs.py

lint: .stamp/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .stamp/dev
	$(BIN)/mypy

contracts: .stamp/dev
	$(BIN)/lint-imports --no-cache

docs: .stamp/dev  ## write docs/settings.md and docs/cli.md anew from the program
	$(BIN)/python tools/docs.py

bench: .stamp/dev  ## run the benchmarks, one after the other (three minutes)
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

bench-peers: .stamp/dev  ## measure sending, and what a kill leaves, beside nodemailer, Django, listmonk and its Go pool too, fetched into a folder that is thrown away
	$(BIN)/python benchmarks/dispatch.py --peers all --rounds 3
	$(BIN)/python benchmarks/killed.py --peers listmonk

mutants: .stamp/dev  ## change the delivery path's lines one by one and see whether the tests notice (ARGS="--sample 150")
	$(BIN)/python tools/mutate.py $(or $(ARGS),--sample 150)

render-report: .stamp/dev .stamp/checkers  ## put the digest before other people's checkers (ARGS="issue.md" for one of yours)
	CHECKERS=.stamp $(BIN)/python benchmarks/render_report.py $(or $(ARGS),--docs docs)

.stamp/checkers: benchmarks/checkers.json
	@mkdir -p .stamp
	@command -v npm > /dev/null || { echo "render-report fetches the checkers with npm, and there is none"; exit 1; }
	cp $< .stamp/package.json
	npm install --prefix .stamp --silent --ignore-scripts --no-audit --no-fund --no-package-lock
	@touch $@

lock: .stamp/dev  ## resolve the newest versions again and write requirements/*.txt (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv on the PATH"; exit 1; }
	$(UV) lock --upgrade -q
	$(UV) $(EXPORT) --extra postgres --no-default-groups --group build -o requirements/runtime.txt
	$(UV) $(EXPORT) --extra postgres --group dev -o requirements/dev.txt

migration: .stamp/dev  ## write the next migration after a change of schema.py: make migration NAME="what changed"
	$(BIN)/python tools/migration.py "$(NAME)"

clean:  ## remove all that these commands made
	rm -rf $(VENV) .stamp build dist demo-club .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mailer needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

.stamp/runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/runtime.txt
	$(OURSELVES)
	@mkdir -p .stamp && touch $@

.stamp/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/dev.txt
	$(OURSELVES)
	@mkdir -p .stamp && touch .stamp/runtime $@
