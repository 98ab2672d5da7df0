# chainrule: demo, test, check, js, bench, sanitize. Everything happens in .venv; nothing outside it is changed.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo

.PHONY: demo test check js bench sanitize reliability-long workers-long clean

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("chainrule needs Python 3.11 or later; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

# By name, as it is installed: from here it would be compiled once more.
.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'chainrule[dev]'
	touch $@

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/chainrule train digits -o $(DEMO)
	$(BIN)/chainrule evaluate $(DEMO) digits
	$(BIN)/chainrule explain $(DEMO) --step 10 --row 0

test: .venv/installed-dev
	$(BIN)/python -m pytest

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror native/*.hpp native/*.cpp tests/native/*.cpp

# Format, lint and types of the page's modules, and the tests of its mathematics; needs Node.js 20 or later.
node_modules/installed: package.json package-lock.json
	npm ci --silent
	touch $@

js: node_modules/installed
	npm run --silent check
	npm test --silent

.venv/installed-bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'chainrule[bench]' || \
	    echo "Some of the libraries to compare with cannot be had here: the tables name them."
	touch $@

bench: .venv/installed-bench
	$(BIN)/chainrule bench

sanitize: .venv/installed-dev
	.ci/sanitize

# What takes too long for the tests: failing system calls one by one, crafted files, random kills, writers and readers
# of one run; about an hour on four free cores.
reliability-long: .venv/installed-dev
	$(BIN)/python tests/faults/sweep.py
	$(BIN)/python benchmarks/crafted_files.py --files 10000 --workers 4
	$(BIN)/python benchmarks/kill_and_resume.py
	$(BIN)/python benchmarks/writers_and_readers.py

# One checksum for every number of workers and threads, by memory and by messages, on every instruction set; the cost
# model fitted on this machine; a few minutes.
workers-long: .venv/installed-dev
	$(BIN)/python tests/distributed/same_bits.py
	$(BIN)/python benchmarks/cost_model.py
	CHAINRULE_FOUR_HOSTS=1 $(BIN)/python -m pytest -q tests/distributed/test_hosts.py

clean:
	rm -rf .venv build dist runs .pytest_cache .mypy_cache .ruff_cache
