# The one entry point for people and CI. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := proto libs/platform libs/recording libs/verify libs/client services/identity services/consent services/documents services/audit dev
PROJECTS := $(DISTRIBUTIONS:%=%/pyproject.toml)
PROTOS := $(shell find proto/carnet -name '*.proto') proto/callers.toml proto/generate_stubs.py
SOURCES := libs services dev tests docs k8s/images proto/generate_stubs.py
# The first interpreter of 3.11 to 3.13; PYTHON=... overrides.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo "$$name"; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
# Compiled code is kept, whatever the shell says: a service starts in half the time, and tests start hundreds.
export PYTHONDONTWRITEBYTECODE :=
# What `git diff` and `buf breaking` compare with.
BASE ?= main

##@ Start here
.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.local proto/gen/carnet/py.typed ## Install everything into .venv; at once when nothing changed

.PHONY: run
run: setup ## The whole system on this machine, until Ctrl-C (FLAGS="--free-ports")
	@exec $(BIN)/python -m carnet_dev run $(FLAGS)

.PHONY: demo
demo: setup ## One patient's story on a running system (SAMPLES=folder of CDA documents; STORY=minor: a child and her parents)
	@exec $(BIN)/python -m carnet_dev.demo $(if $(STORY),--story "$(STORY)") $(if $(SAMPLES),--samples "$(SAMPLES)") $(FLAGS)

.PHONY: traces
traces: setup ## The last traces of the running system as trees (N=5)
	@exec $(BIN)/python -m carnet_dev traces --last $(or $(N),5) $(FLAGS)

.PHONY: clean
clean: ## Forget the environment, the generated code and all data of local runs
	rm -rf $(VENV) var proto/gen .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

##@ Check
.PHONY: test
test: lint types contracts ## Every check in short form on real stores: what CI runs
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder tests

.PHONY: test-long
test-long: setup ## The tests at their full length, and on both drivers throughout
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder --long tests

.PHONY: test-unit
test-unit: setup ## Rules, parsers and the architecture; no store
	$(PYTEST) tests/unit tests/architecture

.PHONY: test-component
test-component: setup ## Each service and the platform on real stores
	$(PYTEST) tests/component

.PHONY: test-system
test-system: setup ## The whole system as processes, and faults
	$(PYTEST) $(wildcard tests/system tests/faults)

.PHONY: trials
trials: setup ## The tests of one trial (T=R1)
	@test -n "$(T)" || { echo "Which trial? make trials T=R1"; exit 2; }
	$(PYTEST) tests --trial "$(T)"

.PHONY: test-policy
test-policy: setup ## 100 000 random histories of a record against the reference evaluator (C1)
	$(PYTEST) -n 2 --dist load --long tests/unit/consent/test_reference.py tests/component/consent/test_reference.py

.PHONY: test-withdrawals
test-withdrawals: setup ## 10 000 withdrawals while the readers' service is stopped and resumed (C4, some minutes)
	$(PYTEST) -n 0 --long tests/system/test_withdrawal.py

.PHONY: bench
bench: setup ## What decisions, reads, deposits and events cost, as ratios to a floor (some minutes)
	@PYTHONPATH=tests exec $(BIN)/python -m load.bench $(FLAGS)

.PHONY: lint
lint: setup ## Ruff: rules and format
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/ruff format --quiet --check $(SOURCES)

.PHONY: types
types: setup ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy k8s/images

.PHONY: contracts
contracts: setup ## Who may import whom; lint of the protos; nothing broken against BASE
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint proto
	@if git rev-parse --quiet --verify "$(BASE):proto/buf.yaml" >/dev/null 2>&1; then \
		before="$$(mktemp -d)"; trap 'rm -rf "$$before"' EXIT; \
		git archive "$(BASE)" proto | tar -x -C "$$before"; \
		echo "buf breaking against $(BASE)"; $(BIN)/buf breaking proto --against "$$before/proto"; \
	else echo "buf breaking: $(BASE) has no contracts yet"; fi

##@ Change
.PHONY: fmt
fmt: setup ## Format, and mend what Ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/buf format --write proto

.PHONY: proto
proto: $(VENV)/.local ## Make the Python stubs anew from the contracts
	$(BIN)/python proto/generate_stubs.py

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(patsubst %,--no-emit-package carnet-%,proto platform recording verify client identity consent documents audit dev) \
	$(PROJECTS) --group dev --group build --group stores --group images

.PHONY: docs
docs: setup ## Make docs/reference anew from contracts, settings and events
	$(BIN)/python docs/generate.py

.PHONY: matrix-diff
matrix-diff: setup ## Who gains and loses what between two editions of the matrix (BEFORE=2026-11-21 AFTER=folder)
	@test -n "$(BEFORE)" -a -n "$(AFTER)" || { echo "Which two? make matrix-diff BEFORE=2026-11-21 AFTER=path/of/a/folder"; exit 2; }
	@exec $(BIN)/python -m carnet_consent.matrix "$(BEFORE)" "$(AFTER)"

.PHONY: lock
lock: $(VENV)/.local ## Resolve dependencies into requirements.lock (UPGRADE=1 takes newer versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock

.PHONY: check-lock
check-lock: setup ## Fail when requirements.lock is not what the projects ask for
	@copy="$$(mktemp)"; trap 'rm -f "$$copy"' EXIT; cp requirements.lock "$$copy"; \
		$(LOCK) --output-file "$$copy" >/dev/null; \
		diff -u requirements.lock "$$copy" || { echo "requirements.lock is stale: make lock"; exit 1; }

# Three steps, each with a stamp: the locked dependencies, the distributions of this tree, the stubs.
$(VENV)/.locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "Carnet needs Python 3.11, 3.12 or 3.13, and there is none on PATH (or set PYTHON=...)"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks venv: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) with $$("$(PYTHON)" --version), about a minute the first time"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(PIP) install --require-hashes --no-deps --requirement requirements.lock
	@touch $@

# --no-build-isolation and --no-index: the build tools are those of the lock, and nothing is fetched.
$(VENV)/.local: $(VENV)/.locked $(PROJECTS)
	@$(PIP) install --no-index --no-deps --no-build-isolation $(DISTRIBUTIONS:%=--editable %)
	@$(PIP) check
	@touch $@

proto/gen/carnet/py.typed: $(VENV)/.local $(PROTOS)
	@$(BIN)/python proto/generate_stubs.py
	@touch $@

##@ Images (k8s/images/README.md)
ENGINE ?= docker
BASE_IMAGE ?= python:3.13-slim

.PHONY: images
images: setup ## Build the images, tagged by commit (IMAGES="audit dev", BASE_IMAGE, BUILD_FLAGS, TAG)
	$(BIN)/python -m carnet_dev.images build --base-image "$(BASE_IMAGE)" --flags="$(BUILD_FLAGS)" --engine "$(ENGINE)" \
		$(if $(TAG),--tag "$(TAG)") $(IMAGES)

.PHONY: images-test
images-test: setup ## The story through the real images; skips with the reason where no engine is
	$(PYTEST) tests/images

##@ On a cluster (docs/operations/kind.md)
KIND ?= kind
KIND_CLUSTER := carnet
KIND_NODE_IMAGE ?= kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed
# --restrict-oom-score, --allow-cgroup-v1: for machines that need it.
KIND_FLAGS ?=
KUBECTL := $(BIN)/kubectl --context kind-$(KIND_CLUSTER)
KUBE := $(KUBECTL) --namespace carnet
CLUSTER := $(BIN)/python -m carnet_dev.cluster
# Begins a recipe: where something is missing it is said, and the target ends well, for nothing else depends on a cluster.
NEED_ENGINE = for tool in $(ENGINE) $(KIND); do command -v "$$tool" >/dev/null || { echo "skipped: $$tool is not on PATH"; exit 0; }; done; \
	$(ENGINE) info >/dev/null 2>&1 || { echo "skipped: no container engine answers ($(ENGINE) info)"; exit 0; };
NEED_CLUSTER = $(NEED_ENGINE) $(KIND) get clusters 2>/dev/null | grep -qx "$(KIND_CLUSTER)" \
	|| { echo "skipped: there is no cluster $(KIND_CLUSTER): make kind-up"; exit 0; };

.PHONY: manifests
manifests: setup ## Render network policies and certificates from the table of callers
	$(BIN)/python -m carnet_dev.manifests

.PHONY: kind-up
kind-up: setup ## A kind cluster, unless it is there (KIND_NODE_IMAGE, KIND_FLAGS)
	@$(NEED_ENGINE) if $(KIND) get clusters 2>/dev/null | grep -qx "$(KIND_CLUSTER)"; then echo "the cluster $(KIND_CLUSTER) is there"; exit 0; fi; \
		$(ENGINE) image inspect "$(KIND_NODE_IMAGE)" >/dev/null 2>&1 || $(ENGINE) pull --quiet "$(KIND_NODE_IMAGE)" \
			|| { echo "skipped: the node image $(KIND_NODE_IMAGE) cannot be had"; exit 0; }; \
		$(CLUSTER) configuration $(KIND_FLAGS) | $(KIND) create cluster --config - --image "$(KIND_NODE_IMAGE)" --wait 300s

.PHONY: kind-load
kind-load: setup ## This commit's images into the cluster (after make images)
	@$(NEED_CLUSTER) tag="$$($(BIN)/python -m carnet_dev.images tag)"; \
		$(KIND) load docker-image --name "$(KIND_CLUSTER)" carnet/{identity,consent,documents,audit,dev}:"$$tag"

.PHONY: kind-secrets
kind-secrets: setup ## Secrets, certificates and the images' tag for the kind overlay; made once, kept in var/kind
	@$(CLUSTER) secrets --tag "$$($(BIN)/python -m carnet_dev.images tag)"

.PHONY: deploy
deploy: setup ## Everything onto the cluster, awaited, and asked by the smoke test
	@$(NEED_CLUSTER) $(MAKE) kind-secrets; \
		$(KUBE) delete --ignore-not-found --wait job/mongodb-initialise job/smoke; \
		$(KUBECTL) apply --server-side --force-conflicts --kustomize k8s/overlays/kind; \
		$(KUBE) rollout status --timeout 300s statefulset/mongodb; \
		$(KUBE) wait --timeout 600s --for condition=complete job/mongodb-initialise; \
		for one in redis collector jaeger identity audit consent documents; do $(KUBE) rollout status --timeout 300s "deployment/$$one"; done; \
		$(KUBE) wait --timeout 600s --for condition=complete job/smoke; $(KUBE) logs job/smoke

.PHONY: kind-test
kind-test: setup ## The system tests on the cluster
	@$(NEED_CLUSTER) $(CLUSTER) forward -- $(PYTEST) tests/system tests/cluster --target=kind || { code=$$?; $(MAKE) kind-logs; exit $$code; }

.PHONY: kind-demo
kind-demo: setup ## The story, on the cluster
	@$(NEED_CLUSTER) $(CLUSTER) forward -- $(BIN)/python -m carnet_dev.demo --folder var/kind $(if $(SAMPLES),--samples "$(SAMPLES)")

.PHONY: kind-logs
kind-logs: setup ## What everything on the cluster said, into var/kind/logs
	@$(NEED_CLUSTER) $(KIND) export logs --name "$(KIND_CLUSTER)" var/kind/logs; $(KUBE) get pods,jobs --output wide

.PHONY: kind-down
kind-down: ## Away with the cluster; its secrets stay in var/kind
	@$(NEED_CLUSTER) $(KIND) delete cluster --name "$(KIND_CLUSTER)"
