# Needs make and Python >= 3.11, nothing else: the first verb that needs it makes .venv from constraints.txt.
#
#   make run ARGS="seed=7 population.size=50000"     ARGS goes to the program behind run, test, bench, figures and sizes
#   make test PYTHON=python3.12                      PYTHON names the interpreter for .venv (after `make clean`)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# Candidates: the first one that runs, is new enough and can make virtual environments is taken.
PYTHON ?= python3.13 python3.12 python3.11 python3
UV ?= uv
ARGS ?=

VENV := .venv
PEERS := .venv-peers
READY := $(VENV)/ready
COMPILED := $(VENV)/compiled
IN_VENV := $(VENV)/bin/python
# A file is run by one worker, which makes what its tests share once; long files come first (tests/conftest.py).
# Three workers for two processors, since commands that are tested wait now and then.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
# Once, and not by every worker: the engine is compiled, and meanwhile what tests import is compiled to bytecode.
PREPARE := $(IN_VENV) -m pytest --collect-only --quiet >/dev/null 2>&1 & $(IN_VENV) -m sim.compile && wait
PIP := $(IN_VENV) -m pip --disable-pip-version-check --no-input --quiet
# Modules are compiled when they are first imported, and for all later processes, whatever is set elsewhere: most of what the
# packages in .venv bring is never imported, and tests start Python a hundred times.
INSTALL := $(PIP) install --no-compile
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test test-all check test-nojit bench peers figures verification sizes nation calibrate posteriors identifiability sensitivity attribution validation model-page cache constraints clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: $(COMPILED) ## simulate the night: throttled and open, paired; table on the terminal, files in outputs/
	$(IN_VENV) -m sim $(ARGS)

test: $(READY) ## run the tests, but for those that take longest
	@$(PREPARE)
	$(IN_VENV) -m pytest $(SIDE_BY_SIDE) -m "not long" $(ARGS)

test-all: $(READY) ## run all tests, those that take longest as well
	@$(PREPARE)
	$(IN_VENV) -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: $(READY) ## check format, lint and types
	$(IN_VENV) -m ruff format --check
	$(IN_VENV) -m ruff check
	$(IN_VENV) -m mypy

test-nojit: $(READY) ## run the quick tests with the compiled functions as plain Python
	NUMBA_DISABLE_JIT=1 $(IN_VENV) -m pytest $(SIDE_BY_SIDE) -m "not slow and not long" $(ARGS)

bench: $(COMPILED) ## compare speed and memory with other packages and the machine; docs/performance.md
	$(IN_VENV) -m experiments.bench $(ARGS)

# An environment of their own: some of them want an older NumPy than we do. Where mesa-frames, the strictest, cannot be had,
# the others are installed without it.
peers: $(READY) ## install the packages that bench compares with, in .venv-peers
	$(IN_VENV) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --no-input --quiet install --upgrade "pip>=25.1"
	$(PEERS)/bin/python -m pip --no-input --quiet install --group peers --group peers-old-numpy || \
		$(PEERS)/bin/python -m pip --no-input --quiet install --group peers

figures: $(COMPILED) ## run the four experiments, and make the figures and tables of the README again
	$(IN_VENV) -m experiments.readme_figures $(ARGS)

verification: $(COMPILED) ## compare classical models with theory and published numbers; docs/verification.md
	$(IN_VENV) -m experiments.verification $(ARGS)

sizes: $(COMPILED) ## compare population sizes: which suffices for which question
	$(IN_VENV) -m experiments.sizes $(ARGS)

nation: $(COMPILED) ## compare the whole nation, person by person, with smaller ones; docs/nation.md (long, 24 GB of memory)
	$(IN_VENV) -m experiments.nation $(ARGS)

calibrate: $(COMPILED) ## fit the parameters to a reading of the record, in a reduced setting (a quarter of an hour)
	$(IN_VENV) -m sim.calibrate calibration.particles=150 $(ARGS)

posteriors: $(COMPILED) ## fit both readings in full, keep their draws, and run the throttle over them; docs/calibration.md
	$(IN_VENV) -m experiments.posteriors --page docs/calibration.md $(ARGS)

identifiability: $(COMPILED) ## which parameters the record can tell; docs/identifiability.md (twenty minutes)
	$(IN_VENV) -m experiments.identifiability --page docs/identifiability.md $(ARGS)

sensitivity: $(COMPILED) ## which parameters and structures results depend on (Morris, Sobol); docs/sensitivity.md
	$(IN_VENV) -m experiments.sensitivity --page docs/sensitivity.md $(ARGS)

attribution: $(COMPILED) ## which channels brought people out (Shapley values); docs/attribution.md
	$(IN_VENV) -m experiments.attribution --page docs/attribution.md $(ARGS)

validation: $(COMPILED) ## foretell what was not fitted, beside models that leave something out; docs/validation.md
	$(IN_VENV) -m experiments.validation --page docs/validation.md $(ARGS)

model-page: $(READY) ## write the tables of parameters in docs/model.md again
	$(IN_VENV) -m experiments.model_page

cache: $(READY) ## show the compiled code that is kept for this user; ARGS=clear removes it
	$(IN_VENV) -m sim.cache $(ARGS)

constraints: ## pin all dependencies again with uv (ARGS=--upgrade for newer ones)
	@$(UV) --version >/dev/null 2>&1 || { echo "make constraints needs uv; install it or name it: make constraints UV=PATH" >&2; exit 1; }
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev --extra launchers --extra calibration \
		--custom-compile-command "make constraints" $(ARGS) pyproject.toml --output-file constraints.txt

clean: ## remove .venv, .venv-peers, caches and builds; outputs/ stays
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find sim tests experiments -name __pycache__ -prune -exec rm -rf {} +

# The environment is made from nothing each time, so an interrupted set-up leaves no trace and a dropped pin no package; the
# stamp comes last. pip and setuptools go first: a new pip is faster, and one dependency is published as source only; with
# setuptools in place, and without build isolation, every byte that is installed has its hash in constraints.txt.
$(READY): pyproject.toml constraints.txt
	@for candidate in $(PYTHON); do \
		if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Setting up $(VENV) with $$("$$candidate" --version); this takes a minute or two, once."; \
			exec "$$candidate" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "No Python >= 3.11 with venv among: $(PYTHON). Install one, or name it: make PYTHON=/path/to/python3" >&2; \
	exit 1
	@awk '/^[a-z]/ { first = /^(pip|setuptools)==/ } first' constraints.txt >$(VENV)/first.txt
	@$(INSTALL) --require-hashes -r $(VENV)/first.txt
	@$(INSTALL) --require-hashes --no-build-isolation --use-pep517 -r constraints.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# What runs studies in several processes finds the engine compiled; after a change of the sources the first process does it.
$(COMPILED): $(READY)
	@$(IN_VENV) -m sim.compile
	@touch $@
