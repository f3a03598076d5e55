# Everything needs only python3 (3.11 or newer) with pip, and make.
# `make help` lists the commands.

PYTHON ?= python3
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
DEMO_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# The constraints pin every version; torch above all (see constraints.txt).
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	-c constraints.txt
# What the tests train and compare with. Without their dependencies, which would bring
# other builds of TensorFlow and torchvision and which the tests do not reach.
PEERS := keras-hub kagglehub kagglesdk regex sentencepiece tokenizers \
	keras-cv dm-tree \
	tensorflow-datasets immutabledict promise tensorflow-metadata toml \
	netcal torchmetrics lightning-utilities torchattacks
# TensorFlow logs to standard error at import; silence it so that results are seen.
QUIET := TF_CPP_MIN_LOG_LEVEL=3

# Stamp files remember what is installed; they live in the environment, so that
# deleting it forgets them too.
CREATED := $(VENV)/.created
DEMO_READY := $(VENV)/.demo-ready
ALL_READY := $(VENV)/.all-ready

# One backend on some Python, in an environment of their own.
BACKEND ?= jax
OTHER := .venv-$(BACKEND)-$(notdir $(PYTHON))
OTHER_READY := $(OTHER)/.ready

OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/.ready
INSTALLED := .venv-wheel
# The site's tools have an environment of their own: nobody who uses or develops the
# package needs them.
DOCS := .venv-docs
DOCS_READY := $(DOCS)/.ready
# So have the notebooks', which need no other backend than JAX.
NOTEBOOKS := .venv-notebooks
NOTEBOOKS_READY := $(NOTEBOOKS)/.ready
NAMES ?=

# What the package and its tools may come under, each name at least one of the first and
# none of the second: nothing that binds whoever uses them.
LICENCES := Apache;BSD;MIT;MPL;Mozilla Public License;Python Software Foundation;PSF
LICENCES_REFUSED := GPL;General Public License;SSPL;Commons Clause;Proprietary
# Says nothing of its licence in its metadata; Keras itself requires it.
LICENCE_UNNAMED := namex

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-oldest test-python package release-check docs notebooks lint format clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(ALL_READY) ## create .venv with the package and all three backends

demo: $(DEMO_READY) ## train plain, mixup and multi-mix on real digits (JAX, CPU)
	$(QUIET) $(BIN)/python -m recipes.digits --backend jax $(DEMO_ARGS)

test: lint ## lint, then the tests on TensorFlow, JAX and PyTorch
	$(MAKE) --no-print-directory test-backends MARKERS='not slow'

test-all: lint ## the same with the slow tests
	$(MAKE) --no-print-directory test-backends MARKERS=''

# The lower bounds of pyproject.toml, in an environment of their own. The recipes and the
# benchmarks come with newer tools and are no part of the package.
test-oldest: $(OLDEST_READY) ## the package's tests on the oldest versions supported
	@set -e; for backend in tensorflow jax torch; do \
		echo "== tests on $$backend, oldest versions"; \
		$(QUIET) KERAS_BACKEND=$$backend $(OLDEST)/bin/python -m pytest -q \
			-n $(PYTEST_WORKERS) -m 'not slow' --ignore=tests/recipes \
			--ignore=tests/benchmarks $(PYTEST_ARGS); \
	done

# Any Python, on Linux and macOS. The recipes' and benchmarks' tests need more packages.
test-python: $(OTHER_READY) ## the package's tests on another PYTHON=python3.13, BACKEND=jax
	@echo "== tests on $(BACKEND), $$($(OTHER)/bin/python --version)"
	$(QUIET) KERAS_BACKEND=$(BACKEND) $(OTHER)/bin/python -m pytest -q \
		-n $(PYTEST_WORKERS) -m 'not slow' --ignore=tests/recipes \
		--ignore=tests/benchmarks $(PYTEST_ARGS)

# What users get: the wheel, in an environment that has never seen this folder.
package: $(ALL_READY) ## build, install the wheel elsewhere and use it, audit licences
	rm -rf dist $(INSTALLED)
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv $(INSTALLED)
	$(INSTALLED)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt "$$(echo dist/*.whl)[jax]"
	$(INSTALLED)/bin/python -m pip check
	cd / && KERAS_BACKEND=jax "$(CURDIR)/$(INSTALLED)/bin/python" -I \
		"$(CURDIR)/tests/installed.py" "$(CURDIR)"/dist/*.whl
	@echo "== licences of everything that users and developers install"
	$(BIN)/pip-licenses --partial-match --allow-only '$(LICENCES)' \
		--ignore-packages $(LICENCE_UNNAMED) >/dev/null
	$(BIN)/pip-licenses --partial-match --fail-on '$(LICENCES_REFUSED)' >/dev/null

release-check: ## whether this tree can be published as TAG=v0.1.0
	$(PYTHON) tests/releasable.py '$(TAG)'

# `-n`: names that lead nowhere are warnings, and warnings are errors.
docs: $(DOCS_READY) ## build the site into build/docs and check its links
	KERAS_BACKEND=jax $(DOCS)/bin/python -m sphinx -W --keep-going -n -q \
		-b html docs build/docs
	@echo "Open build/docs/index.html"

notebooks: $(NOTEBOOKS_READY) ## run the notebooks and keep their outputs, all or NAMES=gan
	$(QUIET) $(NOTEBOOKS)/bin/python -m recipes.notebooks.execute $(NAMES)

lint: $(ALL_READY) ## ruff, lint and format, and the types of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(ALL_READY) ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete .venv and everything that was built
	rm -rf $(VENV) $(OLDEST) .venv-*-* $(INSTALLED) $(DOCS) $(NOTEBOOKS) build dist runs .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One process per backend, one after the other: Keras reads its backend at import.
.PHONY: test-backends test-tensorflow test-jax test-torch
test-backends: $(ALL_READY)
	$(MAKE) --no-print-directory test-tensorflow
	$(MAKE) --no-print-directory test-jax
	$(MAKE) --no-print-directory test-torch

test-tensorflow test-jax test-torch: test-%: $(ALL_READY)
	@echo "== tests on $*"
	$(QUIET) KERAS_BACKEND=$* $(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) \
		-m '$(MARKERS)' $(PYTEST_ARGS)

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Expected Python 3.11 or newer. Received: $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "Expected a Python with venv and ensurepip. Received:" \
			"$$(command -v $(PYTHON)). Install its venv package" \
			"(python3-venv on Debian and Ubuntu)."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(DEMO_READY): pyproject.toml constraints.txt | $(CREATED)
	@echo "Installing JAX and what the recipes need into $(VENV) ..."
	$(INSTALL) -e '.[jax,recipes]'
	@touch $@

# tensorflow-cpu is TensorFlow without the GPU libraries: smaller, the same module.
$(ALL_READY): pyproject.toml constraints.txt | $(CREATED)
	@echo "Installing three backends and the tools into $(VENV) ..."
	$(INSTALL) -e '.[jax,torch,dev]' tensorflow-cpu
	$(INSTALL) --no-deps $(PEERS)
	@touch $(DEMO_READY) $@

# TensorFlow comes with every backend, because its pipelines are tested under each; its
# build without the GPU libraries exists for Linux and Windows.
$(OTHER_READY): pyproject.toml constraints.txt
	rm -rf $(OTHER)
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[recipes,test]' $(filter-out tensorflow,$(BACKEND)) \
		'tensorflow-cpu; sys_platform != "darwin"' \
		'tensorflow; sys_platform == "darwin"'
	@touch $@

$(DOCS_READY): EXTRAS := jax,docs
$(NOTEBOOKS_READY): EXTRAS := notebooks
$(DOCS_READY) $(NOTEBOOKS_READY): pyproject.toml constraints.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

$(OLDEST_READY): pyproject.toml constraints-oldest.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { \
		echo "Expected Python 3.11 or 3.12, which the oldest versions were built for." \
			"Received: $$($(PYTHON) --version 2>&1)." \
			"Name another one: make test-oldest PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(OLDEST)
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-oldest.txt -e '.[jax,torch,recipes,test]' tensorflow-cpu
	@touch $@
