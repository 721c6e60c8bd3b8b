# Two commands do all the set-up: `make demo` and `make test`. Each target makes .venv where there is none.
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := -p plugbus.kernel -p plugbus.capabilities -p plugbus.loaders -p plugbus.plugins
PYTHON312 ?= python3.12
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test browser check format lint types layers docs coverage bench bench-synapse mutants changelog clean

help: ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "plugbus needs Python 3.11 or newer; make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cli,sklearn]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@ .venv/.demo

# Apart from the rest: what peers bring along, such as pytest plugins, is not to reach the tests.
.venv-bench/.bench: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade pip
	.venv-bench/bin/python -m pip install --quiet --editable '.[all]' --group bench
	@touch $@

# The SDK needs a Python of its own, and brings along more than eighty packages; without both the table says so.
.venv-bench-synapse/.bench:
	-$(PYTHON312) -m venv .venv-bench-synapse && .venv-bench-synapse/bin/python -m pip install --quiet synapse-sdk && touch $@

# Apart from the rest as well: what changes the code has no place beside what checks it.
.venv-mutants/.mutants: pyproject.toml
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/python -m pip install --quiet --upgrade pip
	.venv-mutants/bin/python -m pip install --quiet --editable . --group mutants
	@touch $@

demo: .venv/.demo ## Train and evaluate a classifier of 1,797 handwritten digits.
	$(BIN)/plugbus run digits.train
	$(BIN)/plugbus run digits.evaluate

# The kernel's first and apart: many collect garbage, which takes long in a process that has imported much.
test: .venv/.dev ## Run the tests.
	@status=0; for part in tests/kernel --ignore=tests/kernel; do \
		$(BIN)/python -m pytest -n $(JOBS) $$part || status=1; \
	done; exit $$status

tests/browser/node_modules/.package-lock.json: tests/browser/package.json tests/browser/package-lock.json
	cd tests/browser && npm ci

browser: .venv/.dev tests/browser/node_modules/.package-lock.json ## Test forms in the real FormKit, in Chromium; needs npm.
	@tests/browser/find-chromium >/dev/null
	PLUGBUS_CHROMIUM="$$(tests/browser/find-chromium)" $(BIN)/python -m pytest -q tests/browser

check: format lint types layers test docs ## Everything that has to be green before a commit.

format: .venv/.dev ## Check the format (ruff format writes it).
	$(BIN)/ruff format --check .

lint: .venv/.dev ## Look for faults that a linter sees.
	$(BIN)/ruff check .

types: .venv/.dev ## Check the types, strictly, with two checkers.
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/mypy tests plugins/plugbus/plugins/*/tests
	$(BIN)/pyright --warnings

layers: .venv/.dev ## Check the direction of imports.
	$(BIN)/lint-imports

docs: .venv/.dev ## Run every snippet of the docs, and check their links.
	$(BIN)/python -m pytest -q README.md docs

# The figure is for Python 3.11; later versions have no use for some lines.
coverage: .venv/.dev ## Test the kernel, and fail with each line and branch of it that no test reaches.
	$(BIN)/python -m pytest -q -n $(JOBS) --hypothesis-profile quick --cov=plugbus.kernel --cov-report=term-missing --cov-fail-under=100 --timeout=600 tests/kernel

bench: .venv-bench/.bench ## Measure against peers; one table, and benchmarks/results/latest.json.
	.venv-bench/bin/python -m benchmarks

bench-synapse: .venv-bench/.bench .venv-bench-synapse/.bench ## Measure beside the Synapse SDK itself; needs Python 3.12.
	.venv-bench/bin/python -m benchmarks --only synapse

mutants: .venv-mutants/.mutants ## Break the kernel in one place at a time; show what no test notices (MODULE=leases MOST=20).
	.venv-mutants/bin/python tests/mutants.py $(MODULE) $(if $(MOST),--most $(MOST))

changelog: .venv/.dev ## Show what the next release's notes will say.
	$(BIN)/towncrier build --draft --version next

clean: ## Remove what was made, but not the runs in artifacts/.
	rm -rf tests/browser/node_modules .venv .venv-bench .venv-bench-synapse .venv-mutants .mutants .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
