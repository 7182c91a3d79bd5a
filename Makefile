# "make help" says what there is. The targets that are more than a line live in scripts/.

# The Go to build with is fetched once; where that is not possible, the installed one must do.
TOOLCHAIN := go1.27.4
ifeq ($(origin GOTOOLCHAIN),undefined)
GOTOOLCHAIN := $(shell GOTOOLCHAIN=$(TOOLCHAIN) go version >/dev/null 2>&1 && echo $(TOOLCHAIN) || echo local)
endif
export GOTOOLCHAIN

.DEFAULT_GOAL := help
.PHONY: help up down demo build images generate test lint fuzz vulncheck bench differential soak hostile chaos replay simulate

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

up: ## start everything: with Docker the compose file, without it the demo
	@scripts/up.sh

down: ## stop everything and remove it: containers, clones, network
	@scripts/down.sh

demo: ## run Ballast with mock backends in one process, no Docker needed
	@scripts/demo.sh

build: ## bin/ballast and bin/mock-backend, static, for this machine
	@scripts/build.sh

images: ## the images ballast and mock-backend, from binaries built here: no registry needed
	@scripts/images.sh

generate: ## write what is generated from the code: the pages of labels and configuration
	go generate ./...

test: ## all tests that can run here, and what was left out and why
	@scripts/test.sh

lint: ## golangci-lint, shellcheck, the compose file, go.mod
	@scripts/lint.sh

fuzz: ## each fuzz target for FUZZTIME (10s)
	@scripts/fuzz.sh

vulncheck: ## known vulnerabilities that the code reaches, less those explained in scripts/vulnerabilities.txt
	@scripts/vulncheck.sh

bench: ## CPU, latency and memory beside HAProxy, nginx and ReverseProxy, and which targets are met
	@scripts/bench.sh

differential: ## where we differ from nginx and HAProxy on hostile bytes, and why
	@scripts/differential.sh

soak: ## 10 million random requests with aborts and dying backends, every answer checked
	@scripts/soak.sh

chaos: ## stops, kills, cuts off and replaces containers, engine and Ballast under load for CHAOS (10m), and judges every failure
	@scripts/chaos.sh -duration "$${CHAOS:-10m}"

simulate: ## every trace with every scaling policy, and which of the autoscaler's targets are met
	@scripts/simulate.sh

replay: ## replays a trace against real containers, and says whether the simulator agrees
	@scripts/replay.sh

hostile: ## slow heads, bodies and readers by the thousand, and 200 streams of 1 GB: who notices, and what it costs
	@scripts/hostile.sh
