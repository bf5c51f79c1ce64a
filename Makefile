# Everything a newcomer runs. Cargo alone does the work; nothing else needs to be installed, but
# git, tmux and a C compiler (for libgit2), which `make demo` and `make test` install where apt is;
# `make test` also git-lfs, whose stock client asks our lock server.

.DEFAULT_GOAL := help
.PHONY: help demo run test check sim leases model mutants sweep chaos races lives merges clients emulate fuzz bench schemas clean tools
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
SEEDS ?= 1000000
MINUTES ?= 2
RACES ?= 500
SECONDS ?= 60
TARGETS ?= names state locks patterns prompts typed output masks
LEASES ?= 100000
TOOLS := git tmux cc
# The real agents that `make clients` tries, at the versions they were tried with.
CLIENTS := @anthropic-ai/claude-code@2.1.197 @openai/codex@0.169.0 opencode-ai@1.18.33
# A GitHub that we did not write, at the version that was tried: it wants Node 20, newer ones 22.
EMULATE := emulate@0.8.0
WORKERS ?= 50
# No test reads the terminal, and none accepts a changed golden by itself.
export INSTA_UPDATE := no
export CARGO_TERM_COLOR ?= auto

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# The dev profile: cold it builds in half the time of the release profile, the tests then find
# everything built, and what the demo shows waits for git and tmux, not for our code.
demo: tools ## Show the main job on a throw-away repository; leaves nothing behind
	$(CARGO) build --locked --bin reconciler
	target/debug/reconciler demo

run: ## Run the loop on the repository around this folder
	$(CARGO) run --locked --release -- run

test: TOOLS += git-lfs
test: tools ## Run everything that must pass: format, lints, tests, documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings
	$(CARGO) test --locked --no-fail-fast
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	@echo "make test: all passed"

check: ## Check types and the laws of the house: the fast inner loop
	$(CARGO) check --locked --all-targets
	$(CARGO) test --locked --quiet --test architecture

sim: ## Simulate SEEDS=1000000 worlds with faults, or tell the history of SEED=n
	$(if $(SEED),SEED=$(SEED),SEEDS=$(SEEDS)) $(if $(FROM),FROM=$(FROM)) $(CARGO) test --locked --release --test sim -- --nocapture

model: ## Try every order of the claim protocol's steps, with larger bounds than make test
	$(CARGO) test --locked --test model -- --include-ignored --nocapture --test-threads 1

mutants: ## Put bugs into the planner, one at a time; the simulation must catch each (ONLY=text)
	$(CARGO) test --locked --test mutants -- --ignored --nocapture

sweep: tools ## Kill, refuse and fake each effect in turn (KIND=kill: only these), or one: SCENARIO=create POINT=kill:17
	$(CARGO) test --locked --test sweep the_whole_sweep -- --ignored --nocapture --exact

chaos: tools ## Break everything at random on a real repository for MINUTES=2, with WORKERS=50 and maybe SEED=n
	MINUTES=$(MINUTES) WORKERS=$(WORKERS) $(if $(SEED),SEED=$(SEED)) \
	  $(CARGO) test --locked --test chaos -- --exact chaos --ignored --nocapture

leases: ## Simulate LEASES=100000 half hours of leases: clocks, pauses and takeovers, or tell that of LEASE=n
	$(if $(LEASE),LEASE=$(LEASE),LEASES=$(LEASES)) $(if $(FROM),FROM=$(FROM)) $(CARGO) test --locked --release --test sim -- leases_are --nocapture

races: tools ## Let up to 16 processes contend for claims, some killed, RACES=500 times, from SEED=1
	RACES=$(RACES) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --locked --test races -- --exact all_races --ignored --nocapture

lives: tools ## Let an agent write a gigabyte while others behave badly in all ways we know (3 minutes)
	$(CARGO) test --locked --test e2e lives:: -- --ignored --nocapture

merges: tools ## Land 100 tasks while the loop is killed and a person commits (5 minutes, maybe SEED=n)
	$(if $(SEED),SEED=$(SEED)) $(CARGO) test --locked --test e2e merge_run::a_hundred -- --ignored --nocapture

clients: tools ## Try the real Claude Code, Codex and opencode against a stand-in for their models (needs npm)
	@command -v npm >/dev/null || echo "no npm: what is not installed is skipped" >&2
	! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --prefix target/clients $(CLIENTS)
	$(CARGO) test --locked --test clients -- --ignored --nocapture --test-threads 1

emulate: tools ## Take issues of a GitHub that we did not write (npm emulate; it listens on all interfaces for a moment)
	@{ command -v npm && command -v node; } >/dev/null || echo "no npm or no node: skipped" >&2
	! { command -v npm && command -v node; } >/dev/null || npm install --silent --no-audit --no-fund --prefix target/emulate $(EMULATE)
	$(CARGO) test --locked --test issues emulate:: -- --ignored --nocapture --test-threads 1

bench: tools ## Measure against plain git and tmux; asserts nothing (ONLY=plan, create, retire, many, agents, commit, claims, forecast, merges or board)
	$(if $(ONLY),ONLY=$(ONLY)) $(CARGO) bench --locked --bench host --bench board

fuzz: ## Attack what reads foreign text, each target for SECONDS=60 (TARGETS=names: only that; needs nightly and cargo-fuzz)
	for target in $(TARGETS); do \
	  (cd fuzz && ASAN_OPTIONS=detect_odr_violation=0 $(CARGO) +nightly fuzz run --fuzz-dir . $$target -- -max_total_time=$(SECONDS) -timeout=10) || exit 1; \
	done

schemas: ## Write crds-like-schemas/ anew from the types
	RECONCILER_BLESS=1 $(CARGO) test --locked --test schemas

clean: ## Remove what was built
	$(CARGO) clean

# Asks for root only when something is missing.
tools:
	@missing=; \
	for tool in $(TOOLS); do \
	  command -v $$tool >/dev/null || missing="$$missing $$(echo $$tool | sed 's/^cc$$/gcc/')"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	command -v apt-get >/dev/null || { echo "please install:$$missing" >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "installing$$missing"; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends $$missing </dev/null >/dev/null
