# The verbs of this repository. Each works as the first command on a fresh machine.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs lock

ARGS ?=
WORKERS ?= 3
BIN := .venv/bin

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r verb what; do \
		printf '  make %-7s %s\n' "$$verb" "$$what"; done

demo: ## watch orders travel end to end (ARGS=--exit ends by itself)
	@tools/setup demo
	@$(BIN)/waypost demo $(ARGS)

test: ## run all tests (PEERS=required fails where a real server is missing; ARGS=… goes to pytest)
	@tools/setup
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: ## format, lint, types, direction of imports
	@tools/setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: ## measure, as ratios to the raw disk (ARGS=… chooses scenarios)
	@tools/setup
	@$(BIN)/python -m benchmarks $(ARGS)

docs: ## write docs/reference from the declarations
	@tools/setup
	@$(BIN)/waypost describe --pages docs/reference

lock: ## write requirements/*.lock from pyproject.toml (ARGS=--upgrade takes newer versions)
	@tools/setup
	@tools/lock $(ARGS)
