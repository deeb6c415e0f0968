# Everything starts here: each target prepares a local .venv if needed and then does its job.
#
#   make demo                 run the app on http://127.0.0.1:7860 (ARGS="--port 8000" passes on)
#   make test                 run the test suite (ARGS="-k tokenizer" passes on) in two processes,
#                             or as many as JOBS says
#   make lint                 check style, and the page's scripts where Node is installed;
#                             `make format` repairs the style
#   make space                the app as a Hugging Face Space, in build/space
#   make handout              print the lesson's sheet to handout.pdf (docs/lesson-plan.md)
#   make setup                only prepare .venv
#   make clean                remove .venv and node_modules
#
# PYTHON picks the interpreter (3.11 or newer). PyPI's torch for Linux is a CUDA build of several
# GB; on a Linux machine without an NVIDIA GPU the CPU build is taken from PyTorch's own index, if
# that answers within seconds. TORCH_INDEX names another index, TORCH_INDEX=pypi PyPI.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH_INDEX ?=
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
ANSWERS := import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)
ARGS ?=
JOBS ?= 2

# Stamps say "installed as of this requirements file", so the second run starts at once.
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

.PHONY: demo space test lint lint-scripts format setup chromium clean
.DEFAULT_GOAL := demo

demo: $(RUNTIME)
	$(BIN)/python app.py $(ARGS)

space: $(RUNTIME)
	$(BIN)/python -m pix2seq space build/space $(ARGS)

test: $(DEVELOPMENT) chromium
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory lint-scripts; \
	elif [ "$$CI" = 1 ]; then echo "Node is not installed: the page's scripts cannot be checked" >&2; exit 1; \
	else echo "Node is not installed: the page's scripts were NOT checked" >&2; fi

# ESLint and the TypeScript compiler over the scripts' JSDoc types; only this needs node_modules.
lint-scripts: node_modules/.package-lock.json
	npm run --silent lint

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --silent

format: $(DEVELOPMENT)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The sheet is drawn from the plan's own questions.
HANDOUT ?= handout.pdf
handout: $(RUNTIME)
	$(BIN)/python -m pix2seq.render.handout docs/lesson-plan.md $(HANDOUT)

setup: $(DEVELOPMENT) chromium

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The package itself is installed as a link to this folder: scripts anywhere may import it, and
# `.venv/bin/pix2seq` works from everywhere.
$(RUNTIME): requirements.txt pyproject.toml setup.py | $(BIN)/python
	@index="$(TORCH_INDEX)"; \
	if [ -z "$$index" ] && [ "$$(uname -s)" = Linux ] && ! nvidia-smi >/dev/null 2>&1; then \
	  if $(BIN)/python -c "$(ANSWERS)" "$(CPU_INDEX)/torch/" 2>/dev/null; then \
	    echo "No NVIDIA GPU: PyTorch's CPU build from $(CPU_INDEX) (TORCH_INDEX=pypi takes CUDA's)"; \
	    index="$(CPU_INDEX)"; \
	  else \
	    echo "No NVIDIA GPU, but $(CPU_INDEX) does not answer:"; \
	    echo "PyPI's PyTorch is installed, several GB (TORCH_INDEX=... names another index)"; fi; fi; \
	if [ -n "$$index" ] && [ "$$index" != pypi ]; then \
	  $(BIN)/python -m pip install -q --index-url "$$index" torch torchvision; fi
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	@touch $@

# Browser tests take the Chromium that is there, else Debian's if this machine lets us install it;
# CI installs its headless shell in any case, which needs a third less of the processor. Without one,
# pytest skips them and says so, or fails them when CI=1.
chromium:
	@browsers=chromium-headless-shell; \
	case "$$CI" in 1|true) ;; *) browsers="$$browsers chromium chromium-browser google-chrome" ;; esac; \
	for name in $$browsers; do \
	  if command -v $$name >/dev/null 2>&1; then exit 0; fi; done; \
	if ! command -v apt-get >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif sudo -n true 2>/dev/null; then as_root=sudo; else exit 0; fi; \
	echo "Installing Chromium for the browser tests"; \
	$$as_root apt-get update -qq; \
	for name in chromium-headless-shell chromium; do \
	  DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends \
	    $$name fonts-dejavu-core >/dev/null && exit 0; done; \
	echo "Chromium could not be installed" >&2

clean:
	rm -rf $(VENV) node_modules
