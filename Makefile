PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo serve test slow lint types unit clean

demo: .venv/runs  ## Set up what is needed to run, and tag the shipped sample.
	$(BIN)/stemme demo

serve: .venv/runs  ## The REST service on 127.0.0.1:8000, for this machine only and without keys.
	$(BIN)/stemme serve --open

test: lint types unit  ## Set up what is needed to test, and run the quick tests: without PostgreSQL, in some minutes.

lint: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/tests
	$(BIN)/mypy

# Every process keeps the modules that it compiles, for the next: also where the environment says not to. Many tests wait
# for a database or a service, so that there are more processes than many machines have cores.
unit slow: export PYTHONDONTWRITEBYTECODE =
unit: .venv/tests
	$(BIN)/pytest -m "not slow" -n 3 --dist worksteal --durations 20

slow: .venv/slow  ## The rest: tests on PostgreSQL and with BERTopic, services, kills, whole runs, generated requests.
	$(BIN)/pytest -m slow -n 3 --dist worksteal --durations 20 # not loadfile, which drops tests of one name

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "stemme needs Python 3.11 or newer; found $$($(PYTHON) --version). Run: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runs: .venv/bin/pip pyproject.toml
	$(BIN)/pip install --quiet -e .
	@touch $@

# To compile all of PyTorch and the others takes longer than to install them; the tests compile what they import.
.venv/tests: .venv/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --no-compile -e '.[topics,train,dev]'
	@touch $@ .venv/runs

.venv/slow: .venv/tests
	$(BIN)/pip install --quiet --no-compile -e '.[topics,bertopic,train,dev]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info
