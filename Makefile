# Everything a developer types. `make demo` and `make test` need Python 3.11+, make and git, and install the rest.
# One that was built with optimizations comes first: pyenv makes others unless it is told, and all takes a quarter longer.
QUICK := sys.base_prefix == "/usr" or "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
PYTHON ?= $(shell for enough in '$(QUICK)' True; do for p in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	if $$p -c "import sys, sysconfig, venv, ensurepip; sys.exit(sys.version_info < (3, 11) or not ($$enough))" \
	>/dev/null 2>&1; then echo $$p; exit; fi; done; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Most of the tests wait for real servers, so four workers keep two cores busy; six took a third more of processor time.
WORKERS ?= 4
PORT ?= 8080
# images of Python often forbid it: then each process of ours compiles our modules anew, and each worker all tests
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install playwright console-shots site site-shots generated-clients demo up reset test suite lint-beside chaos examples test-defaults lint format gen client bench flood fuzz storm prove prove-faults rolling replicas switchover cells image image-check simulate simulate-faults mutants gameday constraints clean

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt client/fusionxpay_client/version.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed"; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes --no-deps --requirement constraints.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

# What a tool of its own is installed beside: nothing of ours may change its version.
.venv/pins.txt: .venv/.installed
	@sed -n 's/^\([^ ]*==[^ ]*\).*/\1/p' constraints.txt > $@

demo: install
	$(BIN)/fusionxpay demo

up: install
	@mkdir -p .data
	$(BIN)/fusionxpay up --http-port $(PORT) --ready-file .data/ready.json --data-dir .data/state

# Forgets what `make up` keeps: orders, payments, keys and logs.
reset:
	rm -rf .data/state

# Lint runs beside the tests and takes what they leave of the processor: they are the last to end.
test: install
	@$(MAKE) --no-print-directory -j2 suite lint-beside

lint-beside:
	@nice -n 19 $(MAKE) --no-print-directory lint

suite: install
	$(BIN)/python -m tools.helm
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m "not slow"

# What is killed, frozen and cut off one by one, each in every way: `make test` has a short form of it.
chaos: install
	$(BIN)/pytest -n 2 --dist loadgroup -m slow

# What holds for any input, tried with two thousand of them each.
examples: install
	$(BIN)/pytest -n $(WORKERS) --hypothesis-profile thorough -m hypothesis

# The same flows with every setting as it is in production: no shorter wait anywhere.
test-defaults: install
	TEST_SETTINGS=defaults $(BIN)/pytest -n $(WORKERS) --dist loadgroup tests/e2e

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.stubs --check
	$(BIN)/python -m envoy_config.render --check
	$(BIN)/python -m tools.nats_config --check
	$(BIN)/python -m tools.chart --check
	$(BIN)/python -m tools.openapi --check
	$(BIN)/python -m tools.event_catalogue --check
	$(BIN)/python -m tools.metrics_catalogue --check
	$(BIN)/python -m tools.dashboards --check
	$(BIN)/buf lint gen/api.binpb
	$(BIN)/python -m tools.breaking

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

gen: install
	$(BIN)/python -m tools.stubs
	$(BIN)/python -m envoy_config.render
	$(BIN)/python -m tools.nats_config
	$(BIN)/python -m tools.chart
	$(BIN)/python -m tools.openapi
	$(BIN)/python -m tools.event_catalogue
	$(BIN)/python -m tools.metrics_catalogue
	$(BIN)/python -m tools.dashboards

# The package for merchants, as a wheel.
client: install
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist ./client

bench: install
	$(BIN)/python -m bench

# A good merchant beside floods of requests without a key, with made-up keys, and of junk webhooks.
flood: install
	$(BIN)/python -m bench.flood

# Odd requests to every public route, for ten minutes.
fuzz: install
	$(BIN)/python -m tests.fuzz

# Ten thousand events while what carries them is killed.
storm: install
	$(BIN)/python -m tests.storm

# Payments by all providers while every process is killed and providers misbehave; then all books are compared.
PROVE ?= --minutes 10
prove: install
	$(BIN)/fusionxpay prove $(PROVE)

# Known faults are put into a copy of the code: the proof fails.
prove-faults: install
	$(BIN)/python -m tests.simulation.detection --by-proof silence_ends_a_charge acknowledged_before_stored

# What drives the browser of console-shots and site-shots; Chromium itself has to be installed.
playwright: .venv/pins.txt
	$(PIP) install --constraint .venv/pins.txt playwright==1.65.2

# A picture of every page of the console, in Chromium.
AXE ?=
console-shots: playwright
	$(BIN)/python -m tests.console_shots $(if $(AXE),--axe $(AXE))

# Public generators make clients of docs/openapi.json, in Python and TypeScript; each makes the thirty calls of a shop.
generated-clients: install
	$(BIN)/python -m tests.generated

# The documentation for merchants and operators, static, into dist/site; every link of it is checked.
site: install
	$(PIP) install --require-hashes --no-deps --requirement tools/site/requirements.txt
	$(BIN)/python -m tools.site

# A picture of pages of the site, in Chromium, at two widths, light and dark; AXE names axe.min.js of the npm package axe-core.
site-shots: site playwright
	$(BIN)/python -m tests.site_shots $(if $(AXE),--axe $(AXE))

# One thing after the other breaks beside a Prometheus, which has to be installed: does the right alert fire?
gameday: install
	$(BIN)/python -m tests.gameday

# The services of a commit before are replaced by these under load, one after the other; nothing is lost. BACK=--back withdraws it.
OLD ?= HEAD~1
BACK ?=
rolling: install
	$(BIN)/python -m tests.rolling --old $(OLD) $(BACK)

# Every service and Envoy are replaced under load, with two replicas of each; no request may fail.
ROUNDS ?= 10
replicas: install
	$(BIN)/python -m tests.replicas --rounds $(ROUNDS)

# PostgreSQL's primary is killed under load, and its standby takes over; nothing that was acknowledged may be gone.
switchover: install
	$(BIN)/python -m tests.switchover

# Two cells behind one address; a merchant moves from one to the other under load, and nothing may be lost.
cells: install
	$(BIN)/pytest -m slow -s tests/chaos/test_cells.py

# The image, and with TARGET=sandbox the simulator's, by whichever builder there is.
BUILDER ?= $(firstword $(foreach p,docker podman buildah,$(shell command -v $(p))))
BASE ?= python:3.11-slim
TARGET ?= production
TAG ?= fusionxpay
# such as --volume of a company's certificates and of pip's cache
BUILD_OPTIONS ?=
image:
	@test -n "$(BUILDER)" || { echo "docker, podman or buildah is needed"; exit 1; }
	$(BUILDER) build --file deploy/Dockerfile --target $(TARGET) --build-arg BASE=$(BASE) $(BUILD_OPTIONS) --tag $(TAG) .

# Every process of the image as in docker-compose.yml, by crun, as uid 65532 on a read-only root, until it is ready.
image-check: install
	$(BIN)/python -m tests.image --missing
	$(MAKE) image BUILDER=buildah BUILD_OPTIONS="--layers $(BUILD_OPTIONS)" TAG=localhost/fusionxpay
	$(MAKE) image BUILDER=buildah BUILD_OPTIONS="--layers $(BUILD_OPTIONS)" TAG=localhost/fusionxpay-sandbox TARGET=sandbox
	$(BIN)/python -m tests.image

# Thousands of schedules in virtual time; MINUTES=60 runs on for as long, FIRST names the first seed.
SEEDS ?= 4000
FIRST ?= 0
MINUTES ?= 0
PROFILE ?=
simulate: install
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) --minutes $(MINUTES) --profile "$(PROFILE)"

# Known faults are put into a copy of the code: the simulation finds each of them.
simulate-faults: install
	$(BIN)/python -m tests.simulation.detection

# The code is changed in one place at a time, and the tests that bear on it have to fail.
MUTANTS ?= --sample 1000
mutants: .venv/pins.txt
	$(PIP) install --constraint .venv/pins.txt cosmic-ray==8.7.0
	$(BIN)/python -m tests.mutants $(MUTANTS)

# Pins every dependency, of ours and of theirs, by version and hash, without naming where it is downloaded from.
constraints: install
	$(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --unsafe-package pip \
		--output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
