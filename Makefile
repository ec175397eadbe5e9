# `make demo` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV   ?= .venv
DOCS_VENV ?= .venv-docs
BIN    := $(VENV)/bin

.PHONY: help demo test lint docs bench train clean

help:  ## What there is to make.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# Installed in place, so it is done once and again only when pyproject.toml changes.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[plots,tests]'
	touch $@

demo: $(VENV)/.installed  ## The probe on a small model, then what BaPA and AGCI change. Minutes, no GPU.
	$(BIN)/lmms-eval --model llava_bapa --model_args pretrained=micro-llava,bapa=true,agci_lambda=0.3 \
	  --tasks spatial_probe_lite --batch_size 32 --output_path demo/lmms-eval --log_samples
	$(BIN)/lmms-bapa demo --output demo

test: $(VENV)/.installed  ## The test suite.
	$(BIN)/python -m pytest

lint: $(VENV)/.installed  ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Needs neither torch nor the package: the Python API is read from the source.
$(DOCS_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(DOCS_VENV)/bin/python -m pip install --quiet --group docs
	touch $@

docs: $(DOCS_VENV)/.installed  ## The documentation, into site/; fails on a link that leads nowhere.
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict

bench: $(VENV)/.installed  ## Cost of the hooks, speed and memory: ratios measured side by side.
	$(BIN)/python -m benchmarks.hooks
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.expansion
	$(BIN)/python -m benchmarks.two_processes
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.kills

train: $(VENV)/.installed  ## Trains the four embedded models again, into build/weights.
	$(BIN)/python -m lmms_bapa.embedded.train --out build/weights

clean:  ## Removes the environment and everything that was made.
	rm -rf $(VENV) $(DOCS_VENV) site build dist demo runs
