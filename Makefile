# EdgeChat in two commands: `make run` and `make test`. The work is done by packaging/*.sh and CMake presets.
.PHONY: run build test asan tsan format install clean help
.DEFAULT_GOAL := help

run:      ## install what is missing, build, fetch the starter model and chat
	@packaging/run.sh

build:    ## install what is missing and build Release into build/release
	@packaging/build.sh release

test:     ## install what the tests need, build, run all tests
	@packaging/test.sh release

asan:     ## all tests under the address and undefined-behaviour sanitizers
	@packaging/test.sh asan

tsan:     ## all tests under the thread sanitizer
	@packaging/test.sh tsan

format:   ## clang-format over every C++ file
	@git ls-files '*.h' '*.cpp' | xargs clang-format -i

install: build ## install the built programs (PREFIX=/usr/local, DESTDIR=)
	@cmake --install build/release --prefix "$(or $(PREFIX),/usr/local)"

clean:    ## remove everything that was built
	@rm -rf build

help:
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "make %-8s %s\n", $$1, $$2}'
