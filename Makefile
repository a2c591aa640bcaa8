# Thin: the work is cargo's, xtask's or a script's. `make help` lists the targets.

CARGO ?= cargo

.PHONY: help build test verify-all lint demo bench tidy clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the tools, optimised
	$(CARGO) build --release --locked

test: ## everything that must pass, in CI's budget
	./scripts/test.sh

verify-all: ## every integration against every supported version, and upstream's own suites, woven
	./scripts/verify-all.sh

lint: ## formatting, clippy, invariants
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) xtask tidy

tidy: ## the invariants of ARCHITECTURE.md
	$(CARGO) xtask tidy

demo: ## weave three published programs, let one call the others, show the traces
	$(CARGO) xtask demo

bench: ## the figures of docs/benchmarks.md
	./bench/run.sh all

clean: ## what was built here
	$(CARGO) clean
