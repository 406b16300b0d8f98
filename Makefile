# Every target builds .venv from requirements.lock first; nothing is installed outside this folder.
UV_VERSION := 0.13.9
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.built
ARGS ?=
# Many tests wait for processes, so that three workers keep two cores busy.
WORKERS ?= 3

.PHONY: env rivals demo test test-faults soak check scenarios scenarios-faults bench bench-curves bench-diagnosis bench-storm promises promises-long promises-proof lock sbom clean

env: $(STAMP)

# uv is bootstrapped into the environment, pinned; where uv of any version is on the PATH already, it is not used.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv && $(BIN)/uv --version | grep -q " $(UV_VERSION)" || $(BIN)/python -m pip install -q --disable-pip-version-check "uv==$(UV_VERSION)"
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# A second AWS stand-in and the rival of log mining, in an environment of their own; tests that use them skip without.
RIVALS := $(VENV)/rivals
rivals: $(RIVALS)/.built
$(RIVALS)/.built: tests/rivals/requirements.lock $(STAMP)
	$(BIN)/uv venv -q --clear $(RIVALS)
	$(BIN)/uv pip install -q --python $(RIVALS)/bin/python --require-hashes -r tests/rivals/requirements.lock
	@touch $@

demo: env
	@$(BIN)/watchkeeper demo $(ARGS)

test: env
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# Contracts, plans and a whole incident while one in twenty calls fails, some of them done; part of `make test` too.
FAULTS := tests/faults tests/contract/queue tests/contract/chat $(addprefix tests/contract/executors/,test_aws_faults.py test_network_faults.py test_kube_trouble.py)
test-faults: env
	$(BIN)/python -m pytest $(FAULTS) $(ARGS)

# Flat memory and no stuck row; MINUTES=240 is an evening's soak.
MINUTES ?= 60
soak: env
	$(BIN)/python -m tests.bench.soak --minutes $(MINUTES)

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bot
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py
	$(BIN)/watchkeeper playbooks lint
	$(BIN)/honcho check
	$(BIN)/hadolint Dockerfile

# Every scenario through the whole product on seeds drawn anew; SEEDS=20 is what CI plays.
SEEDS ?= 20
scenarios: env
	$(BIN)/python -m tests.scenarios.play --seeds $(SEEDS) $(ARGS)

# Two of them while one call in twenty to Slack, cluster, AWS and telemetry fails; `make test` plays bad-deploy so.
scenarios-faults: env
	$(BIN)/python -m tests.scenarios.play --faults 0.05 --fault-seed 3277 --only bad-deploy,memory-exhaustion --seeds 1 --action-seeds 1 $(ARGS)

bench: env
	$(BIN)/python -m tests.bench $(ARGS)
	$(BIN)/python -m tests.bench.storm_curves --write

# Storms only, beside Alertmanager; wants a quiet machine for its seconds.
bench-curves: env
	$(BIN)/python -m tests.bench.storm_curves --write $(ARGS)

# Recorded incidents beside published and naive figures; DATA is a copy of the recordings with rca/ and answers/.
bench-diagnosis: env
	@test -n "$(DATA)" || { echo "say where the recordings are: make $@ DATA=DIR" >&2; exit 2; }
	$(BIN)/python -m tests.bench.diagnose.report --data $(DATA) $(ARGS)

# How generated storms are grouped and their cause named, real alert streams and simulated cascades; JSON lines.
MOST_SERVICES ?= 1000
bench-storm: env
	$(BIN)/python -m tests.bench.storm_scorecard --most-services $(MOST_SERVICES) --seeds 1-3 $(ARGS)
	$(BIN)/python -m tests.bench.cascade --seeds 10000-10099
	@test -n "$(DATA)" || echo "without DATA=DIR no recorded alert stream was grouped" >&2
	test -z "$(DATA)" || $(BIN)/python -m tests.bench.storm --data $(DATA)

# The full published counts; one line a promise.
promises: env
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/promises --promise-scale 1.0 $(ARGS)

# Ten times as much of everything; an evening's work on two cores.
promises-long: env
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/promises --promise-scale 10 $(ARGS)

# Switches off the guard that each promise test claims to test; every one must report a break.
promises-proof: env
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/promises --promise-scale 0.01 --promise-proof $(ARGS)

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: env
	$(LOCK) --extra postgres --extra kubernetes --extra demo --group dev -o requirements.lock
	$(LOCK) --extra postgres --extra kubernetes --constraint requirements.lock -o deploy/requirements-image.lock
	$(BIN)/uv pip compile tests/rivals/requirements.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -q -o tests/rivals/requirements.lock
	$(BIN)/python deploy/sbom.py > deploy/sbom.json

# The bill of materials of the image, from its lock.
sbom: env
	$(BIN)/python deploy/sbom.py > deploy/sbom.json

clean:
	rm -rf $(VENV) var build dist
