# `make run` and `make test` set up their own virtual environment first; nothing has to be installed by hand.
PYTHON ?= python3
VENV   ?= .venv
# without a GPU PyTorch's CPU build is preferred over gigabytes of CUDA; override with make run TORCH="torch==..."
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH  ?= $(if $(shell command -v nvidia-smi),'torch<2.14',torch==2.13.0 --extra-index-url $(CPU_INDEX) --retries 1)
BIN    := $(VENV)/bin
EXPERIMENT ?= rsc_full
DEMO   ?= rsc_small
ABLATION ?= preset=cpu64 people.train=5000 people.test=600 curriculum.ramp_epochs=1
ARGS   ?=

.PHONY: help run demo results test check lint bench soak fuzz body clean
help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

run: $(BIN)/.installed ## train and evaluate the full method on embedded people (about 15 minutes on 2 CPU cores)
	$(BIN)/python -m rscnet.run experiment=$(EXPERIMENT) $(ARGS)

demo: $(BIN)/.installed ## bodies of the people on the example photographs, with the shipped weights
	$(BIN)/python -m rscnet.run task=predict checkpoint=$(DEMO) input=tests/data/coco \
		boxes=tests/data/coco/person_keypoints_785.json output=outputs/demo/photographs $(ARGS)
	$(BIN)/python -m rscnet.run task=predict checkpoint=$(DEMO) input=docs/examples output=outputs/demo/crops $(ARGS)

results: $(BIN)/.installed ## docs/results.md: the shipped weights, and ablations with three seeds (hours on a CPU)
	$(BIN)/python -m rscnet.run -m sweep=ablation_components $(ABLATION) paths.output=outputs/ablation $(ARGS)
	$(BIN)/python -m rscnet.run -m sweep=ablation_beyond $(ABLATION) paths.output=outputs/beyond $(ARGS)
	$(BIN)/python -m rscnet.run -m sweep=ablation_pictures ablation=poor_pictures $(ABLATION) paths.output=outputs/beyond $(ARGS)
	$(BIN)/python scripts/results.py outputs/ablation --beyond outputs/beyond

test: $(BIN)/.installed ## run the tests, a file at a time in each of two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(BIN)/.installed ## style and types
	$(BIN)/ruff check .
	$(BIN)/pyright

check: $(BIN)/.installed ## validate an experiment and show its schedule without training
	$(BIN)/python -m rscnet.run task=check experiment=$(EXPERIMENT) $(ARGS)

bench: $(BIN)/.installed ## measure against what the original does, into docs/benchmarks.md (8 minutes on 2 quiet cores)
	$(BIN)/python scripts/benchmark.py $(ARGS)

soak: $(BIN)/.installed ## kill a training 20 times and compare it with one that was left alone
	$(BIN)/python scripts/soak.py $(ARGS)

fuzz: $(BIN)/.installed ## 100,000 damaged files for every reader of files
	$(BIN)/python scripts/fuzz.py $(ARGS)

body: $(BIN)/.installed ## rebuild the embedded body from code
	$(BIN)/python scripts/build_body.py

clean: ## remove the virtual environment and caches, keep outputs
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
