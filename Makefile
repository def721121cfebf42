# make setup   Debian packages, nothing else        make run    build, fetch models, start
# make test    what must always hold                make prove  bars, soak and scale
# make lint    format, clippy, dependencies         make sqlx   refresh the checked queries
# make web     the web app, which make build embeds
# make install PREFIX=… DESTDIR=…                   make package, make prove-package   a .deb, tried in a clean Debian
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
            python3 python3-pip python3-venv espeak-ng strace chromium ffmpeg pebble \
            $(if $(shell command -v node),,nodejs npm)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

WEB := assets/web
WEB_SOURCES = $(shell find $(WEB) \( -name node_modules -o -name dist \) -prune -o -type f -print)
NODE_NEEDED := 20.19

.PHONY: setup web build run test test-web test-models test-clients prove lint sqlx sqlx-check install package prove-package

setup:
	@missing=$$(for package in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	    $(SUDO) apt-get update && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; \
	fi
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run make again." >&2; exit 1; }

web: $(WEB)/dist/index.html

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: run make setup, or install Node.js $(NODE_NEEDED) or later, then run make again." >&2; exit 1; }
	@printf '%s\n' $(NODE_NEEDED) "$$(node --version | tr -d v)" | sort --check=quiet --version-sort || \
	    { echo "Node.js $(NODE_NEEDED) or later is needed and this is $$(node --version): install a newer one, then run make again." >&2; exit 1; }
	cd $(WEB) && npm ci --no-audit --no-fund
	touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	cd $(WEB) && npm run build
	touch $@

build: web
	cargo build $(CARGO_FLAGS)

run: setup build
	$(ONEIROS) serve $(ARGS)

# Pulls what the tests need; a second time it only looks.
test-models: build
	$(ONEIROS) models pull --profile starter --state-dir $(ONEIROS_TEST_STATE)
	$(ONEIROS) models pull all-minilm-l6-v2 all-minilm-l6-v2-int8 --state-dir $(ONEIROS_TEST_STATE)

# What the executable says of its API must be what the app was written for.
test-web: build
	cd $(WEB) && npm run check && ONEIROS_BIN=$(abspath $(ONEIROS)) npm run api:check

# The packages that people use, which tests/it/clients.rs runs against the executable.
CLIENTS := $(ONEIROS_TEST_STATE)/clients
UNFETCHED = { echo "The client packages that the tests run could not be fetched: run make test-clients where a package registry can be reached." >&2; exit 1; }

test-clients: $(CLIENTS)/python/.installed $(CLIENTS)/node/.installed

$(CLIENTS)/python/.installed: tests/clients/requirements.txt
	rm -rf $(@D)
	mkdir -p $(CLIENTS)
	python3 -m venv $(@D) || { echo "Python's venv is missing: run make setup, then run make again." >&2; exit 1; }
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r $< || $(UNFETCHED)
	touch $@

$(CLIENTS)/node/.installed: tests/clients/node/package-lock.json
	mkdir -p $(@D)
	cp tests/clients/node/package.json tests/clients/node/package-lock.json tests/clients/node/.npmrc $(@D)
	cd $(@D) && npm ci --silent || $(UNFETCHED)
	touch $@

test: setup test-models test-clients test-web
	cargo test $(CARGO_FLAGS)
	cd $(WEB) && ONEIROS_BIN=$(abspath $(ONEIROS)) npm run e2e

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
	cargo clippy $(CARGO_FLAGS) --all-targets --test prove -- -D warnings
	cargo fetch --locked --quiet
	cargo deny --offline check bans licenses sources
	if command -v hadolint >/dev/null; then hadolint docker/Dockerfile docker/Dockerfile.cuda; fi

PREFIX ?= /usr/local
# Absolute, and the same for every prefix: where systemd and administrators look.
SYSCONFDIR ?= /etc
# What is installed: the executable built last unless another is named.
BINARY ?= $(ONEIROS)
INSTALL := install -D -m 644
DOCS = $(DESTDIR)$(PREFIX)/share/doc/oneiros

# Installs what is there; build first. As root for a system, or into DESTDIR.
install:
	@[ -x "$(BINARY)" ] || { echo "$(BINARY) is missing: run make build first, or name another with BINARY=." >&2; exit 1; }
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/oneiros
	objcopy --strip-all $(DESTDIR)$(PREFIX)/bin/oneiros
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/bin/|$(PREFIX)/bin/|; s|/usr/share/|$(PREFIX)/share/|' systemd/oneiros.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/oneiros.service
	$(INSTALL) systemd/oneiros.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/oneiros.conf
	[ -e $(DESTDIR)$(SYSCONFDIR)/oneiros/oneiros.toml ] || $(INSTALL) packaging/oneiros.toml $(DESTDIR)$(SYSCONFDIR)/oneiros/oneiros.toml
	$(INSTALL) -t $(DOCS) README.md CHANGELOG.md LICENSE docs/running.md docs/reading.md
	$(INSTALL) -t $(DOCS)/examples assets/care/resources.toml
	$(INSTALL) -t $(DOCS)/examples/oneiros.service.d systemd/oneiros.service.d/*.conf
	$(INSTALL) models/LICENSES/README.md $(DOCS)/models.md
	packaging/third-party > $(DOCS)/third-party

# A package must run elsewhere, so it is built portably. For one of this machine's own build: make package BINARY=target/release/oneiros
package:
ifeq ($(origin BINARY),file)
	$(MAKE) build PORTABLE=1
	packaging/deb target/portable/release/oneiros target/package
else
	packaging/deb $(BINARY) target/package
endif

# Needs root, debootstrap and systemd-container; PACKAGE names a package that is there already.
prove-package:
	packaging/prove $(or $(PACKAGE),$$(ls -t target/package/oneiros_*.deb | head -n 1))
