# make demo: set up everything and run it. make test: set up what tests need and run them all.
# make screenshots: take pictures of every page, those of the README too.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo up test lint types tests dev screenshots bench soak catalog

install: $(VENV)/installed

dev: $(VENV)/installed-dev

demo: $(VENV)/installed
	@$(BIN)/python manage.py demo

up: $(VENV)/installed
	@$(BIN)/python manage.py up

test: $(VENV)/installed-dev lint
	@$(MAKE) --no-print-directory --jobs=2 types tests || { echo 'Types or tests are wrong: see above'; exit 1; }

# Tests wait as long as they compute: for processes, commits and timeouts.
tests: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

screenshots: $(VENV)/installed-dev
	@PYTHONPATH=.:tests $(BIN)/python docs/screenshots.py

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	@$(BIN)/mypy

# Each beside its baseline; OPTIONS=--quick measures less.
bench: $(VENV)/installed-dev
	@$(BIN)/python -m benchmarks all $(OPTIONS)

# Twenty minutes of troubles; OPTIONS='--minutes 4 --seed 2' for fewer and others.
soak: $(VENV)/installed-dev
	@$(BIN)/python -m benchmarks.soak $(OPTIONS)

# Brings languages/*.po up to date with the texts of the code.
catalog: $(VENV)/installed
	@$(BIN)/python -m management.catalog

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	@test -w . || { echo "This folder may not be written to by $$(id -un): $(CURDIR)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo 'Python lacks venv; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }

$(VENV)/installed: $(VENV)/bin/python requirements.txt constraints.txt
	@echo 'Installing what the product runs on (some minutes the first time)...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || \
	    { echo 'Not installed; the lines above say why. The first time needs the internet: try again with it.'; exit 1; }
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	@echo 'Installing what tests need...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
