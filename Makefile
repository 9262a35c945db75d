# One line each over dev.py, which does the work and runs on Windows without make: python dev.py run
PYTHON ?= python3
ARGS ?=

.PHONY: help run test check bench soak screenshots docs setup lock
help run test check bench soak screenshots docs setup lock:
	@$(PYTHON) dev.py $@ $(ARGS)

.DEFAULT_GOAL := help
