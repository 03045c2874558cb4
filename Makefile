# `make report` and `make test` need python3, git and make on a Debian or Ubuntu; the rest they fetch themselves.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/.venv/bin:$(PATH)

READY := .venv/.ready
UV := $(shell command -v uv || echo build/uv/bin/uv)
REPORT := $(CURDIR)/analysis_outputs/report/index.html

.PHONY: help setup report audit test lint format deps lock clean

help:  ## list these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 16

setup: $(READY)  ## install everything into .venv

report: $(READY)  ## run what is stale and print where the report is
	@python -m analysis.pipeline.reproduce
	@echo "Report: $(REPORT)"

audit: $(READY)  ## audit your own folder or CSV: make audit DATA=~/photos
	@deepsight audit $(if $(DATA),"$(DATA)",$(error Say what to audit: make audit DATA=~/photos))

test: $(READY)  ## run the tests
	@pytest

lint: $(READY)  ## check style
	@ruff check .
	@ruff format --check .
	@snakefmt --check --line-length 110 workflow/Snakefile

format: $(READY)  ## mend style
	@ruff check --fix .
	@ruff format .
	@snakefmt --line-length 110 workflow/Snakefile

deps: $(READY)  ## write what code each stage depends on into dvc.yaml
	@python -m analysis.pipeline.code_inputs

lock: $(UV)  ## pin the dependencies of pyproject.toml in requirements.lock; with UPGRADE=1 the newest
	@$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet \
	  --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) --output-file requirements.lock

clean:  ## remove the environment and everything cached; results and DVC's cache stay
	@rm -rf .venv build .snakemake .pytest_cache .ruff_cache src/*.egg-info
	@find src tests workflow -name __pycache__ -prune -exec rm -rf {} +

# Bytecode is compiled now: uncompiled, torch alone takes longer to import than a run that has nothing to do.
$(READY): requirements.lock pyproject.toml | $(UV)
	@echo "Setting up .venv (about 5 GB, most of it torch) ..."
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv
	@$(UV) pip sync --quiet --python .venv --compile-bytecode requirements.lock
	@$(UV) pip install --quiet --python .venv --no-deps --editable .
	@python -m compileall -q src
	@git rev-parse --git-dir >/dev/null 2>&1 || dvc config --local core.no_scm true  # unpacked from an archive
	@touch $@

# Debian's python3 comes without venv and pip.
build/uv/bin/uv:
	@python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	@python3 -m venv build/uv
	@build/uv/bin/pip install --quiet uv

.PHONY: python3-venv
python3-venv:
	@echo "Installing python3-venv, with which uv is installed ..."
	@as_root=$$([ "$$(id -u)" = 0 ] || command -v sudo || echo missing); \
	if [ "$$as_root" = missing ] || ! command -v apt-get >/dev/null; then \
	  echo "Needed: uv (or python3-venv, to install it with). Install either, then run make again." >&2; exit 1; \
	fi; \
	$$as_root apt-get update -qq && $$as_root apt-get install -qq --yes python3-venv >/dev/null
