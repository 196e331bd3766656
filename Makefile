.DEFAULT_GOAL := help
.PHONY: help setup up demo lab test test-fast test-python test-client coverage wheels check sdk chaos fuzz verify-export lock bench-start bench-train bench-overhead bench-signals bench-significance bench-gpu bench-accuracy bench-regularisation bench-diagnosis bench-formats bench-api bench-tenants bench-upload bench-checks bench-audit bench-calibration bench-finetune bench-fleet bench-mlflow bench-cli bench-predict bench-page verify-page

# Where nothing compiled may be kept, every process that imports torch takes seconds longer to start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
# The system's certificates, as pip uses them: behind a proxy that has its own, uv's would not do.
UV := $(BIN)/uv --system-certs
INSTALL := $(UV) pip install --python $(BIN)/python --quiet --require-hashes --requirements

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: .venv/.developed ## install everything, exact versions, into .venv (the other targets do so when needed)

up: .venv/.installed ## run the service on this machine until Ctrl-C: http://127.0.0.1:8000
	@$(BIN)/python serve.py

demo: .venv/.installed ## train a ResNet on handwritten digits through the service, in less than a minute
	@$(BIN)/python demo.py digits

lab: .venv/.installed ## the lab exercise: ResNet-18 on CIFAR-100, the experiments, and a report; EPOCHS=n, EXPERIMENTS=none|small|full
	@$(BIN)/python demo.py lab

test: .venv/.developed ## run every test, and say which took longest: 18 minutes on 2 cores
	$(BIN)/python -m pytest --durations=20

test-fast: .venv/.developed ## while editing: without PostgreSQL and the files that take longest
	$(BIN)/python -m pytest --fast

test-python: .venv/.uv ## run every test with another Python, in an environment of its own: VERSION=3.13
	$(UV) venv --quiet --allow-existing --python $(or $(VERSION),$(error Set VERSION: 3.11, 3.12, 3.13 or 3.14)) .venv-$(VERSION)
	$(UV) pip install --python .venv-$(VERSION)/bin/python --quiet --require-hashes --requirements requirements-dev.lock
	$(UV) pip install --python .venv-$(VERSION)/bin/python --quiet --no-deps --no-build-isolation --editable client
	.venv-$(VERSION)/bin/python -m pytest

test-client: .venv/.developed ## run the client's own tests against its wheel, in an environment that has nothing else: VERSION=3.10
	rm -rf .venv-client && $(UV) venv --quiet --python $(or $(VERSION),$(PYTHON)) .venv-client
	cd client && ../$(BIN)/python -m hatchling build -t wheel -d ../.venv-client/wheel
	$(UV) pip install --python .venv-client/bin/python --quiet .venv-client/wheel/*.whl pytest
	cp -r client/tests client/pyproject.toml .venv-client/
	cd .venv-client && bin/python -m pytest -q

coverage: .venv/.developed ## run every test, and say which lines and branches no test reaches
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

wheels: .venv/.uv ## check that every pinned package has a wheel for Python 3.11 to 3.14 (Linux on x86-64)
	for version in 3.11 3.12 3.13 3.14; do \
		echo "Python $$version"; \
		$(UV) pip compile requirements-dev.lock --quiet --only-binary :all: --python-version $$version \
			--python-platform x86_64-manylinux_2_28 > /dev/null || exit 1; \
	done

check: .venv/.developed ## lint, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

sdk: .venv/.developed ## write anew what of the SDK is made: its types from the API, the client that waits from the awaited one
	$(BIN)/python client/unasync.py
	$(BIN)/python -c 'import json; from api.app import create_app; print(json.dumps(create_app().openapi()))' > .openapi.json
	cd client && ../$(BIN)/python -m typegen epochal/types < ../.openapi.json
	rm .openapi.json
	$(BIN)/ruff check --quiet --fix --select I client/epochal/types
	$(BIN)/ruff format --quiet client/epochal/types

MINUTES ?= 10
DATABASE ?= sqlite
chaos: .venv/.developed ## break the service on purpose, and judge it: SEED=7 MINUTES=10 DATABASE=sqlite|postgresql
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),$(error Set SEED to a number: the same one is the same plan)) --minutes $(MINUTES) --database $(DATABASE) $(OPTIONS)

fuzz: .venv/.developed ## look for requests that the API answers otherwise than its contract says: SEED=7 MINUTES=30
	@$(BIN)/python -m tests.api.fuzz --seed $(or $(SEED),0) --minutes $(MINUTES) $(OPTIONS)

PARTS ?= families trained
verify-export: .venv/.developed ## check exports for every family of networks, and of a trained one: PARTS='families catalogue trained'
	$(BIN)/python -m pytest --long tests/worker/exporting tests/training/engine/export tests/api/test_mlflow.py
	@$(BIN)/python -m benchmarks.verify_export $(PARTS) $(OPTIONS)

verify-page: .venv/.developed ## check in Chromium that HTML files classify as their int8 networks do in Python: PARTS='families trained'
	@$(BIN)/python -m benchmarks.verify_page $(PARTS) $(OPTIONS)

bench-start: .venv/.installed ## measure the time from POST to the first recorded step
	@$(BIN)/python -m benchmarks.start_latency

bench-train: .venv/.installed ## measure our engine against a stock loop on this machine's processor, on CIFAR-100
	@$(BIN)/python -m benchmarks.train_speed

bench-overhead: .venv/.installed ## measure the share of an epoch that is not forward, backward and optimizer
	@$(BIN)/python -m benchmarks.overhead

bench-significance: .venv/.installed ## measure how often a verdict on repeated jobs is right, with networks that are trained
	@$(BIN)/python -m benchmarks.significance $(OPTIONS)

bench-signals: .venv/.installed ## measure what gradient norms, update ratios and dead units cost: OPTIONS='--pairs 40'
	@$(BIN)/python -m benchmarks.signals $(OPTIONS)

bench-gpu: .venv/.installed ## measure images a second on a GPU, and the share of what it could do at most
	@$(BIN)/python -m benchmarks.gpu_speed

SEEDS ?= 0
bench-accuracy: .venv/.installed ## train CIFAR-100: RECIPE=standard SEEDS=0,1,2 OPTIONS='--epochs 15 --architecture resnet20'
	@$(BIN)/python -m benchmarks.accuracy $(or $(RECIPE),$(error Set RECIPE: lab-baseline, standard, strong, sprint or state-of-the-art)) --seeds $(SEEDS) $(OPTIONS)

bench-regularisation: .venv/.installed ## whether each way of regularising does what its paper says, on a little of CIFAR-100: OPTIONS='--seeds 0,1'
	@$(BIN)/python -m benchmarks.regularisation $(OPTIONS)

bench-diagnosis: .venv/.installed ## measure how often a diagnosis is right, on curves with known causes
	@$(BIN)/python -m benchmarks.diagnosis

bench-formats: .venv/.installed ## measure which memory format is faster on which kind of processor
	@$(BIN)/python -m benchmarks.memory_formats

bench-mlflow: .venv/.developed ## measure the API beside an MLflow server on the calls that both have; installs MLflow apart
	@$(BIN)/python -m benchmarks.beside_mlflow $(OPTIONS)

bench-cli: .venv/.developed ## measure how long `epochal` takes to start and to list jobs, beside MLflow's command; installs both apart
	@$(BIN)/python -m benchmarks.cli_start $(OPTIONS)

bench-api: .venv/.developed ## measure the API at up to a million jobs: OPTIONS='--jobs 1000 --databases sqlite'
	@$(BIN)/python -m benchmarks.api_speed $(OPTIONS)

bench-tenants: .venv/.developed ## measure what one tenant can do to another: 60 connections on each route in turn
	@$(BIN)/python -m benchmarks.tenants $(OPTIONS)

bench-upload: .venv/.installed ## measure 60,000 images from the upload to a data set that is ready: OPTIONS='--archive images.zip'
	@$(BIN)/python -m benchmarks.dataset_upload $(OPTIONS)

bench-checks: .venv/.installed ## measure how many planted faults the checks of a data set find: OPTIONS='--photographs FOLDER'
	@$(BIN)/python -m benchmarks.data_checks $(OPTIONS)

bench-calibration: .venv/.installed ## measure what a temperature does for the calibration error of a network of CIFAR-100: OPTIONS='--classes 20 --images 250 --epochs 10'
	@$(BIN)/python -m benchmarks.calibration $(OPTIONS)

bench-audit: .venv/.installed ## measure how many planted wrong labels an audit finds: OPTIONS='--classes 10 --share 0.01'
	@$(BIN)/python -m benchmarks.audit $(OPTIONS)

bench-finetune: .venv/.installed ## measure what brought weights are worth on 500 images: OPTIONS='--epochs 20 --seeds 2'
	@$(BIN)/python -m benchmarks.finetune $(OPTIONS)

bench-fleet: .venv/.developed ## measure claims, and what idle workers cost: WORKERS=1,10,50,200 OPTIONS='--seconds 10'
	@$(BIN)/python -m benchmarks.fleet --workers $(or $(WORKERS),1,10,50,200) $(OPTIONS)

bench-predict: .venv/.developed ## measure predictions beside a plain loop of onnxruntime, over HTTP, and of 20 models in turns
	@$(BIN)/python -m benchmarks.predict $(OPTIONS)

bench-page: .venv/.developed ## measure the page in Chromium over 10,000 jobs: OPTIONS='--parts load list curves night'
	@$(BIN)/python -m benchmarks.page $(OPTIONS)

lock: .venv/.uv ## resolve every requirement anew
	for what in "dev --all-extras --group dev" "service --extra api --extra worker --extra embedded --extra checkout --extra tensorboard" \
		"api --extra api --extra telemetry --extra tensorboard" "worker --extra worker"; do \
		set -- $$what; name=$$1; shift; \
		$(UV) pip compile pyproject.toml $$* --universal --generate-hashes --no-emit-index-url --no-header --quiet \
			$$([ $$name = dev ] && echo --upgrade || echo --constraints requirements-dev.lock) \
			--output-file requirements-$$name.lock || exit 1; \
	done

.venv/.uv: Makefile
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Epochal needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' || { echo "This Python cannot make environments: on Debian and Ubuntu, install python3-venv."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.installed: .venv/.uv requirements-service.lock client/pyproject.toml
	@echo "Installing torch and the rest: some gigabytes, the first time."
	$(INSTALL) requirements-service.lock
	$(UV) pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable client
	@touch $@

.venv/.developed: .venv/.installed requirements-dev.lock
	$(INSTALL) requirements-dev.lock
	@touch $@
