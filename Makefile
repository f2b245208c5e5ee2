# The template's own targets. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test lint format digests questions docs bench bench-fleet bench-serving pictures lock release clean

# The lock has every tool, uv included. uv installs it where there is one; else pip does.
PYTHON ?= python3
READY := .venv/ready
CHASSIS := template/vendor/ml-chassis
export RUFF_CACHE_DIR := $(CURDIR)/.ruff_cache

# What a release is told counts on make's command line alone: a shell or a CI may have a VERSION of its own.
ARGUMENTS := VERSION DRY_RUN
$(foreach name,$(ARGUMENTS),$(if $(filter command%,$(origin $(name))),,$(eval override $(name) :=)))
unexport $(ARGUMENTS)

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## From nothing to a served prediction, in build/demo
	@.venv/bin/python scripts/demo.py

test: $(READY) lint ## Run the whole test suite
	@.venv/bin/python scripts/test.py

lint: $(READY) ## Check style and types of the template's own code
	.venv/bin/ruff check . $(CHASSIS)
	.venv/bin/ruff format --check . $(CHASSIS)
	.venv/bin/mypy

format: $(READY) ## Fix style
	.venv/bin/ruff check --fix . $(CHASSIS)
	.venv/bin/ruff format . $(CHASSIS)

digests: $(READY) ## Bring the library's SHA256SUMS up to date
	.venv/bin/python scripts/library_digests.py $(CHASSIS)/SHA256SUMS

questions: $(READY) ## Bring cookiecutter.json up to date with copier.yml
	.venv/bin/python scripts/cookiecutter_json.py cookiecutter.json

docs: $(READY) ## Build the documentation site, into build/site
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

bench: $(READY) ## Measure speed, and rewrite docs/benchmarks.md
	.venv/bin/python benchmarks/run.py

bench-fleet: $(READY) ## Measure the command for fleets alone
	.venv/bin/python benchmarks/run.py fleet

bench-serving: $(READY) ## Measure the model server alone
	.venv/bin/python benchmarks/run.py serving

pictures: $(READY) ## Draw docs/pictures again; needs prometheus
	.venv/bin/python scripts/pictures.py

lock: $(READY) ## Bring requirements.lock up to date
	.venv/bin/uv pip compile pyproject.toml --group dev --generate-hashes --universal --upgrade -o requirements.lock

release: $(READY) lint ## Tag a release: make release VERSION=1.2.0; DRY_RUN=1 shows it
	@test -n "$(VERSION)" || { echo "Which version? Try: make release VERSION=1.2.0"; exit 2; }
	@.venv/bin/python scripts/release.py $(VERSION) $(if $(DRY_RUN),--dry-run)

clean: ## Remove what the other targets made
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache

$(READY): requirements.lock
	@PYTHON=$(PYTHON) scripts/setup
