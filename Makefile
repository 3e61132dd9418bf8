# distlab: every command a student needs, each one word. `make help` lists them; docs/start.md walks through them.
# Each target makes .venv first if need be; when it is current that costs one look at a file's time.
# Plain enough for GNU make 3.81 (macOS).

PYTHON  ?= python3
BIN     := .venv/bin
DISTLAB := $(BIN)/distlab

# Variables given to make become options of the command behind it: make grade LAB=2 -> distlab grade --lab '2'.
quoted   = '$(subst ','\'',$(1))'
option   = $(if $($(1)),--$(2) $(call quoted,$($(1))))
OPTIONS  = $(strip $(call option,LAB,lab) $(call option,PART,part) $(call option,PROMISE,promise) \
           $(call option,SEED,seed) $(call option,SOLUTION,solution) $(call option,PRIOR,prior) \
           $(call option,ID,id) $(call option,STEP,step) $(call option,WORLD,world) \
           $(call option,THROUGH,through) $(call option,OUT,out) $(call option,SECRET,secret) \
           $(call option,EXECUTOR,executor) $(call option,FORMAT,format) $(call option,BESIDE,beside) $(call option,INPUT,input) $(if $(KEEP),--keep))

.DEFAULT_GOAL := help
.PHONY: help setup dev site grade watch replay show trace hint warmup own live doctor submit update docs \
        class release gradescope test verify-graders skeleton bench lock clean moved

help: ## this list
	@echo "make COMMAND [LAB=2] [PART=c] [PROMISE=...] [SEED=...]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1 | \2/p' $(firstword $(MAKEFILE_LIST)) | \
	 while IFS='|' read -r name text; do printf '%-17s%s\n' "$$name" "$$text"; done

setup: .venv/stamp ## make .venv (every other command does it by itself)

grade watch replay show trace hint warmup own live doctor submit update: .venv/stamp
	@$(DISTLAB) $@ $(OPTIONS)

grade:  ## grade what is in labs/  [LAB= PART= PROMISE= SEED= SOLUTION= PRIOR=]
watch:  ## grade quickly on every save, last counterexample first  [LAB=]
replay: ## run a saved counterexample on today's code  [ID= STEP=1 WORLD=live]
show:   ## make the page of a counterexample  [ID= BESIDE=reference]
trace:  ## write a counterexample's events  [ID= FORMAT=shiviz|perfetto|jsonl]
hint:   ## the next hint  [LAB=]
warmup: ## recorded runs: what happens next?  [LAB=]
own:    ## which known bugs does your own test catch?  [LAB=]
live:   ## run a lab as real processes under real faults  [LAB= INPUT= SOLUTION= KEEP=1]
doctor: ## is this machine fit?
submit: ## make the file to hand in
update: ## bring in a new release without losing work  [INPUT=]

docs: .venv/stamp-dev ## serve this documentation at http://127.0.0.1:8000
	@NO_MKDOCS_2_WARNING=1 DISTLAB_EXHIBITS=2 $(BIN)/mkdocs serve --quiet

site: .venv/stamp-dev ## write all of this documentation to site/, with every exhibit of the bug museum
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && du -sh site

# ------------------------------------------------------------------ for instructors

class: .venv/stamp ## grade a folder of submissions  [SUBMISSIONS= OUT= LAB= SECRET= EXECUTOR=dask]
	@$(DISTLAB) $@ $(call quoted,$(SUBMISSIONS)) $(OPTIONS)

release: .venv/stamp-dev ## cut a student repository  [THROUGH=2 OUT=]
	@$(DISTLAB) $@ $(OPTIONS)

gradescope: .venv/stamp ## make the autograder that Gradescope wants  [OUT=autograder.zip LAB= SECRET=]
	@$(DISTLAB) $@ $(OPTIONS)

# ------------------------------------------------------------------ working on distlab itself

dev: .venv/stamp-dev

test: .venv/stamp-dev ## all checks of distlab itself: lint, types, layers, tests, docs
	@$(BIN)/python tools/check.py

verify-graders: .venv/stamp-dev ## every reference passes, every known bug is caught  [LAB= PART=]
	@$(DISTLAB) $@ $(OPTIONS)

skeleton: .venv/stamp ## write labs/ anew from the reference solutions  [LAB=]
	@$(DISTLAB) $@ $(OPTIONS)

bench: .venv/stamp-dev ## run the benchmarks  [LAB=]
	@$(DISTLAB) $@ $(OPTIONS)

lock: ## resolve the dependencies anew and write both locks
	@$(PYTHON) tools/lock.py

clean: ## remove .venv, caches and the built site; your labs and saved runs stay
	rm -rf .venv site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------ the environment

.venv/stamp: requirements.lock pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py

.venv/stamp-dev: requirements-dev.lock pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py --dev

# A tree that was moved or copied has scripts in .venv that name the old place: set it up again.
ifneq ($(shell sed -n 2p .venv/stamp 2>/dev/null),$(shell pwd -P))
.venv/stamp .venv/stamp-dev: moved
moved:
endif
