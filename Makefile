# make demo   environment, then the demo on the embedded synthetic cohort; ends by naming the report it wrote
# make test   environment, then lint, types and the whole test suite
# make quick  the tests that take seconds;  make long  the ones that take minutes;  make lab  JupyterLab
# make oracle the packages that serve as second opinions in tests (extra test-oracle), then the tests that skip without them
# make docs   environment, then the notebooks executed and the site built in site/, its links checked
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# idle OpenMP threads must sleep: spinning, two small XGBoost fits side by side on two cores took 78 s instead of 0.1 s
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# a Python of at least 3.11, the newest name first; override with make PYTHON=/path/to/python
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
  "$$p" -c '$(FITS)' 2>/dev/null && { echo "$$p"; break; }; done)

.PHONY: demo test lint types quick long oracle lab docs setup clean
demo: $(STAMP)
	@$(PY) -m blues.fuse

test: lint types
	@$(PY) -m pytest -q -m "not long" -n 2 --dist worksteal

lint: $(STAMP)
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(STAMP)
	@$(VENV)/bin/mypy

quick: $(STAMP)
	@$(PY) -m pytest -q -m "not long and not slow"

long: $(STAMP)
	@$(PY) -m pytest -q -m long

oracle: $(STAMP)
	@$(VENV)/bin/pip install -q -c constraints.txt -e '.[test-oracle]' && $(PY) -m pytest -q -m oracle tests

lab: $(STAMP)
	@$(VENV)/bin/pip install -q -c constraints.txt -e '.[lab]' && $(VENV)/bin/jupyter lab notebooks

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(STAMP)
	@$(PY) docs/hooks/books.py
	@$(VENV)/bin/mkdocs build --quiet
	@$(PY) docs/hooks/links.py site
	@echo "The site: site/index.html"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
	  echo "blues needs Python 3.11, 3.12 or 3.13 with venv, and found none on PATH." >&2; \
	  echo "Install one (Debian/Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12 demo" >&2; \
	  exit 1; fi
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
	  echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13 with venv: name another, make PYTHON=/path/to/python3.12 demo" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (about two minutes the first time) ..."
	@# an environment left by another Python, or half-made, is made anew
	@$(PY) -c '$(FITS)' 2>/dev/null && $(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@# torch first, by its exact version: then nothing pulls a newer build with several GB of CUDA packages
	@{ $(PY) -m pip install -q "$$(grep -E '^torch==' constraints.txt)" -c constraints.txt && \
	  $(PY) -m pip install -q -c constraints.txt -e '.[dev]'; } || { \
	  echo "Installing failed; pip's words are above. Usual reasons: no network, a proxy, or no room on the disk." >&2; \
	  echo "This says more: $(PY) -m pip install -c constraints.txt -e '.[dev]'. Then run make again; it goes on from there." >&2; \
	  exit 1; }
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis build site
