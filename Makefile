# Everything runs in .venv, which `make install` builds from requirements.lock.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP = .venv/.installed

.PHONY: help install demo test fuzz kill-test lint types examples docs pictures bench bench-quick \
	wheel clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## build the environment .venv

$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "meanfield needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) --no-compile -r requirements.lock
	$(PIP) --no-compile torch==2.13.0
	$(PIP) --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true # pip does it on one core
	@touch $(STAMP)

demo: install  ## run the main job: train on real digits, compare widths, make a movie
	@mkdir -p demo
	$(BIN)/meanfield simulate digits --out demo/digits.h5 --force
	$(BIN)/meanfield compare digits --particles 32,64,128,256,512 --seeds 5 --out demo/study.h5 --figure demo/study.png --force
	$(BIN)/meanfield animate demo/digits.h5 --out demo/digits.mp4 --force
	@$(BIN)/python -m meanfield.summary demo/digits.h5 demo/study.h5 demo/digits.mp4

test: install  ## run the tests and the examples in docstrings
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q

fuzz: install  ## damage files and settings for BUDGET seconds (300) and count what comes of it
	$(BIN)/python tests/fuzz.py $(or $(BUDGET),300)

kill-test: install  ## kill 120 runs at random instants; each must go on to the same bits
	KILLS=20 $(BIN)/python -m pytest -q tests/test_crash_kills.py

lint: install  ## style, and which layer may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install  ## static types
	$(BIN)/mypy

examples: install  ## run the examples of README.md
	$(BIN)/python -m pytest -q tests/test_readme.py

docs: install  ## build the documentation with its gallery into build/site
	MPLBACKEND=Agg $(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site
	@! grep -rlE '(src|href)="(https?:)?//[^"]+\.(js|css|woff2?|png|svg)"' --include='*.html' build/site
	@echo "built build/site/index.html"

pictures: docs  ## renew the pictures of README.md from the gallery
	$(BIN)/python docs/pictures/renew.py

bench: install .venv-bench/.installed  ## time meanfield against PyTorch, JAX and NumPy
	BENCH_PYTHON_JAX=.venv-bench/bin/python $(BIN)/python -m benchmarks

.venv-bench/.installed:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2
	@touch $@

bench-quick: install  ## check the speed of meanfield alone, on one thread
	$(BIN)/python -m benchmarks --quick

wheel: install  ## build the wheel and the source archive into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove what the other targets made
	rm -rf .venv .venv-bench build dist demo docs/examples docs/reference *.egg-info
