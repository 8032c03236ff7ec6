# make demo   install into .venv and make a transfer from samples/ into out/
# make test   install into .venv, then lint, types and tests
# make lint   lint and types alone
# make fuzz   10,000 damaged or hostile files for every reader
# make soak   commands killed at 100 random moments, full and read-only disks, jumping clocks, two at once
# make sbom   what an installation is made of, as out/sbom.json (CycloneDX)
# make clean  remove .venv and out/

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT   := out/transfer.mp4

# MediaPipe 0.10.21 has wheels for Python up to 3.12.
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& { echo $$python; break; }; done)

.PHONY: demo test lint format install fuzz soak sbom clean
.DEFAULT_GOAL := demo

demo: install
	@$(BIN)/vidgan transfer samples/source.mp4 samples/target.mp4 -o $(OUT)

test: lint
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(STAMP)

# uv installs everything in seconds where pip takes minutes. cv2 needs two libraries of the system: as root on Debian
# they are installed, elsewhere the line says what to do.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: install it, or say PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "cannot make $(VENV): on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --python $(BIN)/python --quiet --editable '.[dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get -qq update && apt-get -qq install -y libgl1 libglib2.0-0 >/dev/null; } \
		|| { echo "cv2 needs system libraries: sudo apt-get install libgl1 libglib2.0-0" >&2; exit 1; }
	@touch $@

fuzz: install
	$(BIN)/python -W ignore -m tests.fuzz.readers --count 10000

soak: install
	$(BIN)/python -W ignore -m tests.soak.run --count $(or $(COUNT),100)

sbom: install
	@mkdir -p $(dir $(OUT))
	$(BIN)/uv tool run --quiet --from cyclonedx-bom cyclonedx-py environment $(BIN)/python --output-file $(dir $(OUT))sbom.json

clean:
	rm -rf $(VENV) $(dir $(OUT))
