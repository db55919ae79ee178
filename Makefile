# Every check that CI makes is a target here, and CI runs nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
MODULE_DIR := $(TARGET)/module
CORE := Cargo.toml Cargo.lock $(shell find src cel/src fronts -name '*.rs' -o -name Cargo.toml)
HOST := $(shell find host-shim -name '*.rs' -o -name Cargo.toml)
COUNTERSIGN := $(TARGET)/release/countersign
PRECOMPILE := $(TARGET)/release/countersign-precompile
# Where the sources lie is no part of the module: the same bytes from any directory.
CARGO_SOURCES := $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
REMAP := target.wasm32-wasip1.rustflags=["--remap-path-prefix=$(CURDIR)=/countersign", \
	"--remap-path-prefix=$(CARGO_SOURCES)=/crates"]
# Flags from outside would take the place of .cargo/config.toml's.
PORTABLE := env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS $(CARGO) --config '$(REMAP)' \
	build --profile wasm
WIDE := env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS="-C target-feature=+wide-arithmetic" \
	$(CARGO) build --profile wide

help: ## this list
	@grep -hE '^[a-z0-9.-]+( [a-z0-9.-]+)*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 32

demo: countersign ## build everything and verify really signed images, one allowed and one refused a family
	scripts/demo.sh $(COUNTERSIGN)

# What cargo says is kept, so that the last step can ask whether the tests of docs/features.md ran.
test: test-core test-wasm ## every test that needs no extra service
	@scripts/not-run.sh
	NOT_RUN_DIR=$(abspath $(TARGET))/not-run RAN_DIR=$(abspath $(TARGET))/ran \
		$(CARGO) test --release -p countersign --test features -- --ignored

test-core: ## the core, natively: the quick part
	@rm -rf $(TARGET)/not-run $(TARGET)/ran && mkdir -p $(TARGET)/not-run $(TARGET)/ran
	NOT_RUN_DIR=$(abspath $(TARGET))/not-run \
		$(CARGO) test --release -p countersign -p countersign-cel -p countersign-kubewarden \
		2>&1 | tee $(TARGET)/ran/core.txt

test-wasm: countersign policy.wasm ## the same decisions through the module, the host, the example
	@mkdir -p $(TARGET)/ran
	NOT_RUN_DIR=$(abspath $(TARGET))/not-run \
		$(CARGO) test --release -p countersign-host -p countersign-loopback-registry -p wasmtime-host \
		2>&1 | tee $(TARGET)/ran/wasm.txt

countersign: $(COUNTERSIGN) ## the command, at target/release/countersign

$(COUNTERSIGN): $(MODULE_DIR)/policy.cwasm $(MODULE_DIR)/policy-wide.cwasm $(CORE) $(HOST)
	$(CARGO) build --release -p countersign-host --bin countersign
	@touch $@

$(MODULE_DIR)/policy.wasm: $(CORE) .cargo/config.toml | toolchain
	$(PORTABLE) --target wasm32-wasip1 -p countersign-kubewarden
	$(call install,wasm)

$(MODULE_DIR)/policy-wide.wasm: $(CORE) | toolchain
	$(WIDE) --target wasm32-wasip1 -p countersign-kubewarden
	$(call install,wide)

# rust-toolchain.toml names the target, and rustup does not add it to a toolchain that is there already.
toolchain:
	@if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx wasm32-wasip1; then \
		rustup target add wasm32-wasip1; \
	fi

# Leaves a module that did not change as it is, so that nothing is embedded again.
define install
@mkdir -p $(MODULE_DIR)
@cmp -s $(TARGET)/wasm32-wasip1/$1/countersign_kubewarden.wasm $@ \
	|| cp $(TARGET)/wasm32-wasip1/$1/countersign_kubewarden.wasm $@
@touch $@
endef

$(PRECOMPILE): $(CORE) $(HOST)
	$(CARGO) build --release -p countersign-host --bin countersign-precompile
	@touch $@

$(MODULE_DIR)/policy.cwasm: $(MODULE_DIR)/policy.wasm $(PRECOMPILE)
	$(PRECOMPILE) --portable $< $@

$(MODULE_DIR)/policy-wide.cwasm: $(MODULE_DIR)/policy-wide.wasm $(PRECOMPILE)
	$(PRECOMPILE) $< $@

policy.wasm: $(MODULE_DIR)/policy.wasm ## the portable module, as Kubewarden runs it
	cp $< $@

annotated-policy.wasm: policy.wasm metadata.yml countersign ## the module with Kubewarden's metadata
	$(COUNTERSIGN) kubewarden annotate --metadata-path metadata.yml --usage-path README.md --output-path $@ policy.wasm

# `createdAt` is set by a release: CREATED_AT=2026-11-21T00:00:00Z
artifacthub-pkg.yml: metadata.yml questions-ui.yml $(COUNTERSIGN) ## the package for Artifact Hub, made of metadata.yml
	$(COUNTERSIGN) kubewarden artifacthub --metadata-path metadata.yml --questions-path questions-ui.yml \
		--created-at $(or $(CREATED_AT),$(shell sed -n "s/^createdAt: '*\([^']*\)'*$$/\1/p" $@)) > $@.new
	mv $@.new $@

# What these sessions were recorded with.
KWCTL_RECORDED := 1.36.0-beta.1

e2e-tests: policy.wasm ## the module as kwctl runs it: replayed sessions, the settings of verify-image-signatures
	@echo "replay, without kwctl: sessions recorded with kwctl $(KWCTL_RECORDED), and in its form"
	$(CARGO) test --release -p countersign-host --test kwctl --test kubewarden

e2e-kwctl: ## the same, and all the corpora, with a real one: make e2e-kwctl KWCTL=path [POLICY_SERVER=path]
	@test -n "$(KWCTL)" || { echo "NOT RUN: no kwctl: make e2e-kwctl KWCTL=path" >&2; exit 1; }
	@$(MAKE) annotated-policy.wasm
	$(CARGO) build --release -p countersign-loopback-registry
	scripts/e2e-kwctl.sh $(KWCTL) $(COUNTERSIGN)
	$(MAKE) -C interop kubewarden KWCTL=$(abspath $(KWCTL)) POLICY_SERVER=$(abspath $(POLICY_SERVER)) \
		COUNTERSIGN=$(abspath $(COUNTERSIGN)) LOOPBACK_REGISTRY=$(abspath $(TARGET)/release/loopback-registry)

reproducible: ## the portable module twice, from two directories: the same bytes, and their digest
	scripts/reproducible.sh

fmt: ## format everything
	$(CARGO) fmt --all

size: countersign ## both modules' bytes and imports, against the list of those that its ABI needs
	$(CARGO) test --release -p countersign-host --test module -- --nocapture imports

lint: ## formatting, clippy, documentation, licences and advisories
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release -p countersign --lib -- -D warnings
	CLIPPY_CONF_DIR=$(CURDIR)/tests $(CARGO) clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --no-deps -p countersign -p countersign-cel
	scripts/deny.sh

bench: countersign ## fuel, bytes and time of one decision a family, and how the cost grows
	$(CARGO) bench -p countersign-host --bench decisions
	$(CARGO) bench -p countersign-host --bench growth
	$(CARGO) bench -p countersign-host --bench instances

fuzz: ## run every fuzz target for T seconds (needs nightly and cargo-fuzz)
	scripts/fuzz.sh $(or $(T),60)

loopback-registry: ## the registry for demos and interop, at target/release/loopback-registry
	$(CARGO) build --release -p countersign-loopback-registry --bin loopback-registry

registries: countersign loopback-registry ## every image case of the corpora on four registries, and copied between them
	$(MAKE) -C interop registries

interop: countersign ## the real tools: cosign, crane, registries, notation-go
	$(MAKE) -C interop

ci: lint test size ## what CI runs
	@echo "ci: all green"

clean: ## remove what was built
	$(CARGO) clean
	rm -f policy.wasm annotated-policy.wasm

.PHONY: help toolchain demo test test-core test-wasm countersign size lint fmt bench fuzz \
	e2e-tests e2e-kwctl reproducible loopback-registry registries interop ci clean
