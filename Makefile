# make demo   set up and run the main job on an embedded scene
# make test   the whole default suite
# make lint   formatting, lint rules and types
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
OUT ?= runs/demo

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test slow lint format clean

demo: $(STAMP)
	$(BIN)/maxentrl demo --out $(OUT)

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The stamp stands for a finished installation: it is made anew only when what is installed changes.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
