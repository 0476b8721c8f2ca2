# Python 3.11 or newer and make are all that is needed: everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP = $(BIN)/python -m pip install --disable-pip-version-check $$(test -t 1 || echo --quiet)

.PHONY: demo up test bench soak lint lock clean

demo: $(INSTALLED)
	@$(BIN)/ml-connector demo

up: $(INSTALLED)
	@$(BIN)/ml-connector demo --up

test: lint
	$(BIN)/pytest

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

soak: $(INSTALLED)
	$(BIN)/python -m benchmarks.soak

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Installed anew only when pyproject.toml or the lock file changed. The lock file is complete, so nothing is resolved here.
$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || { \
	  echo "ml-connector needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one of them, or name it: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "Python has no venv here; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "Installing into .venv; this takes a minute or two, once."
	@$(PIP) --require-hashes --no-deps --requirement requirements.lock
	@$(PIP) --no-deps --editable .
	@touch $@

# Versions and hashes of everything that is installed, after a change of pyproject.toml.
lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --constraint requirements.lock -o deploy/requirements.lock

clean:
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
