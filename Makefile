# Everything this project does, by name. `make help` lists it; CONTRIBUTING.md explains it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets share .tools and cargo's lock: `make -j` would only make them wait for one another.
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

CARGO ?= cargo
# More is more than a filter needs; raise it in the commit that has a reason. Searching content takes 0.6 MB of it:
# an expression compiler, automata, and Unicode's tables of spellings. Debian's compiler makes 34 KB more than rustup's.
WASM_MAX_BYTES ?= 1800000

# Where the integration tests find what they run. They fail, and do not skip, where one is missing.
export GENOPS_WASM := $(CURDIR)/target/genops.wasm
export GENOPS_FAULTS_WASM := $(CURDIR)/target/genops-faults.wasm
export GENOPS_NOOP_WASM := $(CURDIR)/target/noop.wasm
export GENOPS_FLOOR_WASM := $(CURDIR)/target/floor.wasm
export GENOPS_LEDGER_BENCH_WASM := $(CURDIR)/target/ledger-bench.wasm
export GENOPS_ENVOY := $(CURDIR)/.tools/venv/bin/envoy
export GENOPS_PYTHON := $(CURDIR)/.tools/venv/bin/python
export GENOPS_NODE := $(CURDIR)/.tools/node
export GENOPS_NODE_PACKAGES := $(CURDIR)/.tools/sdk/package.json
# Kept in the clone, whatever the environment says, so that `make clean` knows it.
export CARGO_TARGET_DIR := $(CURDIR)/target

# Property tests draw the same cases for the same tree, so that a change answers for itself; `nightly` draws new ones.
export PROPTEST_RNG_SEED ?= 20260101

# cargo-nextest where it is installed: faster, and it ends tests that hang. Documentation tests it does not run.
TEST := $(shell if $(CARGO) nextest --version >/dev/null 2>&1; then echo nextest run; else echo test; fi)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))


.PHONY: build
build: ## Build the filter: target/genops.wasm (optimised; installs the wasm toolchain if it is missing)
	scripts/build-wasm

.PHONY: build-faults
build-faults: ## Build the test variant with fault injection: target/genops-faults.wasm
	scripts/build-wasm genops-faults

.PHONY: build-noop
build-noop: ## Build the filter that does nothing, which `bench` compares with: target/noop.wasm
	scripts/build-wasm noop

.PHONY: build-floor
build-floor: ## Build the filter that makes the real one's host calls alone, for `bench`: target/floor.wasm
	scripts/build-wasm floor

.PHONY: build-ledger-bench
build-ledger-bench: ## Build the variant that measures the ledger inside Envoy, for `bench`: target/ledger-bench.wasm
	scripts/build-wasm ledger-bench

.PHONY: tools
tools: tools-envoy ## Install the pinned Envoy and all SDKs of the integration tests into .tools
	scripts/python-tools integration/tests/sdk/requirements.txt
	scripts/node-tools integration/tests/sdk

.PHONY: tools-envoy
tools-envoy: ## Install the pinned Envoy and Python's openai: what demo and bench run
	scripts/python-tools integration/requirements.txt


.PHONY: fmt
fmt: ## Format the Rust code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path integration/noop-filter/Cargo.toml
	$(CARGO) fmt --manifest-path integration/floor-filter/Cargo.toml

.PHONY: lint
lint: ## Check the format, and clippy's lints natively and for wasm32-wasip1
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path integration/noop-filter/Cargo.toml --check
	$(CARGO) fmt --manifest-path integration/floor-filter/Cargo.toml --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	scripts/wasm-cargo clippy --lib -- -D warnings
	scripts/wasm-cargo clippy --lib --features fault-injection -- -D warnings
	scripts/wasm-cargo clippy --lib --features ledger-bench -- -D warnings
	scripts/wasm-cargo clippy --lib --manifest-path integration/noop-filter/Cargo.toml -- -D warnings
	scripts/wasm-cargo clippy --lib --manifest-path integration/floor-filter/Cargo.toml -- -D warnings

.PHONY: test
test: build build-faults build-noop build-floor tools ## Run every test: native, documentation, compiled wasm, real Envoy
	$(CARGO) $(TEST) --locked --workspace
	$(CARGO) test --locked --workspace --doc

.PHONY: test-core
test-core: ## Run the native tests of the core alone (seconds)
	$(CARGO) $(TEST) --locked -- --skip the_compiled_filter

.PHONY: test-host
test-host: build ## Run the compiled wasm under an in-process host, through the journeys of tests/journeys
	$(CARGO) $(TEST) --locked --test journey_wasm

.PHONY: test-envoy
test-envoy: build build-faults build-noop build-floor tools ## Run the compiled wasm in real Envoy (integration/tests/envoy*)
	$(CARGO) $(TEST) --locked --package genops-integration --test 'envoy*'

.PHONY: check-wasm
check-wasm: build ## Check the built filter: exports, imports, size bound, no path of this machine
	scripts/check-wasm "$(GENOPS_WASM)" $(WASM_MAX_BYTES)

.PHONY: reproducible
reproducible: ## Build HEAD twice, in different folders, and compare the bytes
	scripts/check-reproducible

.PHONY: planted-bugs
planted-bugs: ## Plant each bug of tests/planted_bugs.json in a copy of the tree: a test has to find it (half an hour)
	scripts/check-planted-bugs

.PHONY: test-million
test-million: build tools-envoy ## A million invented customers against real Envoy: memory stays flat, nobody else pays (minutes)
	$(CARGO) test --locked --release --package genops-integration --test envoy_million -- --ignored --nocapture

.PHONY: nightly
nightly: planted-bugs test-million ## What takes too long for each change: these two, a million ledger operations against the model, ten minutes of each fuzz target
	unset PROPTEST_RNG_SEED; PROPTEST_CASES=25000 $(CARGO) test --locked --release --test ledger model -- --nocapture
	fuzz/run 600

.PHONY: fuzz
fuzz: ## Fuzz every target for ten seconds, from the recorded shapes and with every crasher that was ever found
	FUZZ_SEED=1 fuzz/run 10

.PHONY: deny
deny: ## Check the dependencies' licences, origins and advisories (needs cargo-deny and its database: not part of ci)
	$(CARGO) deny check

.PHONY: ci
ci: lint test check-wasm reproducible fuzz ## All that continuous integration runs


.PHONY: demo
demo: tools-envoy build ## Start Envoy with the filter and a fake provider, send calls, show what happened
	$(CARGO) run --locked --release --package genops-integration --bin demo

.PHONY: run
run: tools-envoy build ## The demo's Envoy, kept running for your own calls
	$(CARGO) run --locked --release --package genops-integration --bin demo -- --keep

.PHONY: bench
bench: tools-envoy build build-noop build-floor build-ledger-bench ## Measure what the filter and its ledger cost in real Envoy
	$(CARGO) run --locked --release --package genops-integration --bin bench

.PHONY: clean
clean: ## Remove everything that was built or installed into the clone
	rm -rf target .tools
