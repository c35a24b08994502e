# Everything installs what it needs into .venv (and .venv-3.10) by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The newest documented SCF runtime; used beside the default Python where the machine has it.
PYTHON310 := $(shell for p in "$$(command -v python3.10)" $$HOME/.pyenv/versions/3.10.*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null && echo "$$p" && break; done)
VENV310 := .venv-3.10

.PHONY: run test lint bench clean

run: $(VENV)/.run-ready
	@$(BIN)/liveness run

test: $(VENV)/.ready $(if $(PYTHON310),$(VENV310)/.ready) lint
	$(BIN)/python -m pytest
ifneq ($(PYTHON310),)
	$(VENV310)/bin/python -m pytest
else
	@echo "No Python 3.10 found: the suite ran on $$($(BIN)/python --version) only."
endif

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tools

bench: $(VENV)/.ready
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) $(VENV310) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The main job needs only the SDKs, the sandbox's HTTP library and the command line.
$(VENV)/.run-ready: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e '.[tools]' -c constraints.txt
	@touch $@

$(VENV)/.ready: pyproject.toml constraints.txt $(VENV)/.run-ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e '.[tools,test,lint]' -c constraints.txt
	@touch $@

$(VENV310)/.ready: pyproject.toml constraints.txt
	$(PYTHON310) -m venv $(VENV310)
	$(VENV310)/bin/python -m pip install --quiet --disable-pip-version-check --use-pep517 -e '.[tools,test]' -c constraints.txt
	@touch $@
