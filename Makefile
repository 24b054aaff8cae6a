# make demo    a policy learns a skill, forgets, is merged, exported, and drives an arm in simulation
# make test    everything that is tested: C++, C++ under sanitizers, Python
# make lint    ruff, mypy --strict, clang-format
# make bench   every benchmark but the two that take long by design: soak.py (an hour) and rig.py (10 minutes)
# make study EXP=E3    one experiment of the study (benchmarks/study/README.md has the list and the times)
# Each target does all the set-up it needs on a fresh clone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
export HF_HUB_OFFLINE := 1
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export PATH := $(CURDIR)/$(BIN):$(PATH)

CXX_SOURCES := $(shell find csrc tests/cpp tests/fuzz examples cmake -type f) CMakeLists.txt
CXX_FORMATTED := $(shell find csrc tests/cpp tests/fuzz examples -name '*.hpp' -o -name '*.cpp')

.PHONY: demo test test-cpp test-sanitize test-python lint bench study format clean set-up

demo: set-up
	$(BIN)/retain demo --output demo

test: test-cpp test-sanitize test-python

set-up: $(VENV)/extension.stamp

$(VENV)/packages.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt --upgrade pip setuptools
	$(BIN)/python -m pip install -q -c constraints.txt scikit-build-core pybind11 ninja cmake mujoco
	@touch $@

$(VENV)/extension.stamp: $(VENV)/packages.stamp $(CXX_SOURCES)
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -C build-dir=build/extension \
		-C cmake.define.RETAIN_TESTS=OFF -C cmake.define.RETAIN_EXAMPLES=OFF \
		-e '.[train,export,sim,viz,flight,live,lora,multi,tensorboard,ray,sweep,dev]'
	@touch $@

# In the tree of the extension: what the tests link is what Python loads, and is compiled once.
test-cpp: set-up
	$(BIN)/cmake -S . -B build/extension -DRETAIN_TESTS=ON -DRETAIN_EXAMPLES=ON
	$(BIN)/cmake --build build/extension
	$(BIN)/ctest --test-dir build/extension --output-on-failure

CONFIGURE_SANITIZED = $(BIN)/cmake -S . -G Ninja -DRETAIN_PYTHON=OFF -DRETAIN_TESTS=ON \
	-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1

test-sanitize: set-up
	$(CONFIGURE_SANITIZED) -B build/asan -DRETAIN_SANITIZE=address,undefined
	$(BIN)/cmake --build build/asan
	$(BIN)/ctest --test-dir build/asan --output-on-failure
	$(CONFIGURE_SANITIZED) -B build/tsan -DRETAIN_SANITIZE=thread
	$(BIN)/cmake --build build/tsan
	$(BIN)/ctest --test-dir build/tsan --output-on-failure

test-python: set-up
	$(BIN)/python -m pytest

lint: set-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(CXX_FORMATTED)

format: set-up
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FORMATTED)

bench: set-up
	$(BIN)/python benchmarks/merge.py
	$(BIN)/python benchmarks/merge_scaling.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/alpha.py
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/feetech_bus.py
	$(BIN)/python benchmarks/dataset_io.py
	$(BIN)/python benchmarks/finetune_spin.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/seams.py
	$(BIN)/python benchmarks/sim_experts.py

study: set-up
	PYTHONPATH=benchmarks $(BIN)/python -m study $(EXP)

clean:
	rm -rf build $(VENV) demo
