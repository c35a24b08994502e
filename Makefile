# Everything installs what it needs into .venv (and .venv-3.10) by itself. PYTHON=... chooses the
# Python; without it, it is the first on the path that is new enough.
VENV := .venv
BIN := $(VENV)/bin
# The newest documented SCF runtime; used in addition to the default Python if it is installed.
PYTHON310 := $(shell for p in "$$(command -v python3.10)" "$$HOME"/.pyenv/versions/3.10.*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null && echo "$$p" && break; done)
VENV310 := .venv-3.10
# For the tests of pages.
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# For the tests of serverless.yml with the vendor's own toolkit. (`||` makes GNU make 3.81 use a shell.)
NPM := $(shell command -v npm || :)
TOOLKIT := tests/deploy/node_modules
# For the example app: the vendor's JavaScript SDK.
COS_SDK := examples/app_upload/node_modules
# With two Pythons each test file runs on one of them: what ships on 3.10, the function's runtime, and
# the tools on the default one, but for the sandbox: so both take equally long. Both get the pure
# parts, which are quick, and one command. A Python compiles only its own files: of all of them that
# takes as long as many tests.
FUNCTION_TESTS := tests/attacks tests/function tests/fuzz tests/simulation tests/test_mutations.py \
	tests/unit/test_hostile_servers.py
TEXT_TESTS := tests/unit/test_architecture.py tests/unit/test_design.py tests/unit/test_docs.py
ON_310 := $(FUNCTION_TESTS) tests/sandbox tests/unit tests/cli/test_run.py \
	$(addprefix --ignore=,$(TEXT_TESTS))
ON_DEFAULT := tests $(if $(PYTHON310),$(addprefix --ignore=,$(FUNCTION_TESTS) tests/sandbox))

SEEDS ?= 10000
# Not a user's: what is imported is what was installed.
unexport PYTHONPATH PYTHONHOME

.PHONY: run demo screenshots test campaigns ready chromium test-default test-3.10 campaigns-default \
	campaigns-3.10 lint simulate exhaustive mutations bench lasting package package-consumer \
	ready-to-deploy clean FORCE

run: $(VENV)/.run-ready
	@$(BIN)/liveness run

# The review page on sixty fictional people, until Ctrl-C.
demo: $(VENV)/.demo-ready
	@$(BIN)/python -m liveness_demo

# The pictures of the review page in docs/images.
screenshots: $(VENV)/.ready
	$(BIN)/python -m liveness_demo.screenshots docs/images

# All tests but the campaigns. The linters follow the shorter half.
test:
	@$(MAKE) --no-print-directory -j 2 ready
	@$(MAKE) --no-print-directory -j 2 test-default $(if $(PYTHON310),test-3.10) lint
ifeq ($(PYTHON310),)
	@echo "No Python 3.10 found: the suite ran on $$($(BIN)/python --version) only."
endif
	@test -n "$(CHROMIUM)" || echo "No Chromium found: the review page and the example app were not tested."
ifeq ($(NPM),)
	@echo "No npm found: the vendor's toolkit was not tested with serverless.yml, nor the example app."
endif

# The part of the long campaigns that CI runs; `make simulate` and others below run more.
campaigns: $(VENV)/.ready $(if $(PYTHON310),$(VENV310)/.ready)
	@$(MAKE) --no-print-directory -j 2 $(if $(PYTHON310),campaigns-3.10) campaigns-default

ready: chromium $(VENV)/.ready $(if $(PYTHON310),$(VENV310)/.ready) $(if $(NPM),$(TOOLKIT)/.ready $(COS_SDK)/.ready)

# CI must not leave anything out; a user's machine is left as it is.
chromium:
	@if [ -n "$$CI" ] && [ -z "$(CHROMIUM)" ]; then \
		{ apt-get update -q && apt-get install -q -y -o Acquire::Retries=3 chromium; } > /dev/null || { \
			echo "Chromium is missing, and apt-get could not install it." >&2; exit 1; }; fi

test-default:
	$(BIN)/python -m pytest -m "not live and not campaign$(if $(CHROMIUM),, and not browser)" $(ON_DEFAULT)

campaigns-default:
	$(BIN)/python -m pytest -m "campaign$(if $(PYTHON310), and not function)"

# These run in parallel to the ones above, so their output is shown at the end.
test-3.10: SELECTED = -m "not live and not campaign" $(ON_310)
campaigns-3.10: SELECTED = -m campaign $(FUNCTION_TESTS)
test-3.10 campaigns-3.10:
	@mkdir -p build
	@$(VENV310)/bin/python -m pytest $(SELECTED) > build/$@.log 2>&1; \
		status=$$?; echo; cat build/$@.log; exit $$status

# Every hook of .pre-commit-config.yaml; it keeps what it needs below build/. pre-commit works on what
# git knows; where git is missing, or refuses a folder of another user, its linters run by themselves.
lint: $(VENV)/.ready
	@if git ls-files --error-unmatch Makefile > /dev/null 2>&1; then \
		PRE_COMMIT_HOME=build/pre-commit $(BIN)/pre-commit run --all-files; \
	else \
		echo "No git, or no repository of yours: the list of words is not checked."; \
		$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy src tools bench tests examples; \
	fi

# Deterministic simulation testing: SEEDS runs with fault injection, checked for the invariants of
# docs/design.md.
simulate: $(VENV)/.ready
	$(BIN)/python -m tests.simulation.deterministic random --seeds $(SEEDS)

# The same for every schedule and every fault within bounds, instead of random ones.
exhaustive: $(VENV)/.ready
	$(BIN)/python -m tests.simulation.deterministic exhaustive

# Mutation testing: one safety is removed at a time, and the simulation must detect each mutation.
mutations: $(VENV)/.ready
	$(BIN)/python -m tests.simulation.deterministic mutations

# Speed and memory, compared with baselines measured in the same run.
bench: $(VENV)/.ready
	$(BIN)/python -m bench

# What lasts, in virtual time: outages, refusals, inputs that never work. Fails if a target is missed.
lasting: $(VENV)/.ready
	$(BIN)/python -m bench.lasting

# What is packaged is the code of this folder, whatever checkout the virtual environment refers to.
package package-consumer ready-to-deploy: export PYTHONPATH := $(CURDIR)/src:$(CURDIR)/tools

package: $(VENV)/.run-ready
	@$(BIN)/python -m liveness_package $(if $(PYTHON310),--compile-with "$(PYTHON310)")

# The example consumer of results, with what it imports; examples/consumer/serverless.yml runs this.
package-consumer: $(VENV)/.run-ready
	@$(BIN)/python -m liveness_package --source examples/consumer --entry deliver.py \
		--output build/consumer $(if $(PYTHON310),--compile-with "$(PYTHON310)")

# `scf deploy` runs this first; see serverless.yml.
ready-to-deploy: $(VENV)/.run-ready
	@$(BIN)/python -m liveness_package.check
	@$(MAKE) package

clean:
	rm -rf $(VENV) $(VENV310) $(TOOLKIT) $(COS_SDK) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# These are checked each time, which takes a moment: tools/install.py says what makes them outdated.
FORCE:
INSTALL = @python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh $(VENV)) && \
	PYTHON="$(PYTHON)" "$$python" tools/install.py $(VENV)

# The main job needs only the SDKs, the sandbox's HTTP library and the command line.
$(VENV)/.run-ready: FORCE
	$(INSTALL) tools

$(VENV)/.demo-ready: FORCE
	$(INSTALL) tools demo

$(VENV)/.ready: FORCE
	$(INSTALL) tools test lint

$(VENV310)/.ready: FORCE
	@PYTHON="$(PYTHON310)" "$(PYTHON310)" tools/install.py $(VENV310) tools test

# What npm says is shown only where it fails.
NPM_CI = @echo "npm installs what $(1) needs ..."; \
	said=$$("$(NPM)" ci --prefix $(1) --ignore-scripts --no-audit --no-fund --loglevel error 2>&1) && touch $@ || { \
	echo "$$said" >&2; \
	echo "npm could not install what the tests with $(1) need; its messages are above. Connect to its registry, or leave them out: make test NPM=" >&2; \
	exit 1; }

$(TOOLKIT)/.ready: tests/deploy/package.json tests/deploy/package-lock.json
	$(call NPM_CI,tests/deploy)

$(COS_SDK)/.ready: examples/app_upload/package.json examples/app_upload/package-lock.json
	$(call NPM_CI,examples/app_upload)
