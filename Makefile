# make setup   Debian packages, nothing else        make run    build, fetch models, start
# make test    what must always hold                make prove  bars, soak and scale
# make lint    format, clippy, dependencies         make sqlx   refresh the checked queries
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# Where tests keep the models and the database binaries that they pull once.
# Root's own home is closed to the unprivileged user that the server becomes.
export ONEIROS_TEST_STATE ?= $(if $(filter 0,$(shell id -u)),/var/cache/oneiros-test,$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/oneiros-test)
TARGET := $(or $(CARGO_TARGET_DIR),target)
ONEIROS := $(TARGET)/release/oneiros
CARGO_FLAGS := --release --locked $(if $(FEATURES),--features $(FEATURES))

# `make build PORTABLE=1` runs on any x86-64-v3 processor (2013 and later) instead of on this one only.
ifdef PORTABLE
export RUSTFLAGS := -C target-cpu=x86-64-v3
export GGML_NATIVE := OFF
export GGML_AVX := ON
export GGML_AVX2 := ON
export GGML_FMA := ON
export GGML_F16C := ON
export GGML_BMI2 := ON
export GGML_AVX512 := OFF
export CARGO_TARGET_DIR ?= target/portable
endif

PACKAGES := build-essential cmake clang libclang-dev pkg-config curl ca-certificates \
            python3 python3-pip espeak-ng strace
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: setup build run test test-models prove lint sqlx sqlx-check

setup:
	@missing=$$(for package in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	    $(SUDO) apt-get update && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
	fi
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run make again." >&2; exit 1; }

build:
	cargo build $(CARGO_FLAGS)

run: setup build
	$(ONEIROS) serve $(ARGS)

# Pulls what the tests need; a second time it only looks.
test-models: build
	$(ONEIROS) models pull --profile starter --state-dir $(ONEIROS_TEST_STATE)
	$(ONEIROS) models pull all-minilm-l6-v2 all-minilm-l6-v2-int8 --state-dir $(ONEIROS_TEST_STATE)

test: setup test-models
	cargo test $(CARGO_FLAGS)

# ONEIROS_CORPUS names a file of dream reports, one JSON object with a `text` a line, plain or gzip.
prove: setup test-models
	cargo test $(CARGO_FLAGS) --test prove -- --test-threads 1 --nocapture

# The queries in the source, checked against a database that the built executable makes from migrations/.
CHECK_QUERIES = touch src/lib.rs && $(ONEIROS) database exec --state-dir $(ONEIROS_TEST_STATE) --migrations migrations -- \
    env SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$$fresh cargo check $(CARGO_FLAGS) --lib --quiet

sqlx:
	fresh=$$(mktemp -d); $(CHECK_QUERIES); rm -rf .sqlx; mv $$fresh .sqlx; chmod 755 .sqlx

sqlx-check:
	fresh=$$(mktemp -d); $(CHECK_QUERIES); diff -r .sqlx $$fresh; rm -r $$fresh

lint:
	cargo fmt --check
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
	cargo deny --offline check bans licenses sources
