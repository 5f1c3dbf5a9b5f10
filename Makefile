# demo, test, bench and torture set up everything they need: a Debian 12 with
# python3 and make is enough. Nothing is installed outside of .venv, but for the
# Debian packages that some tests need, and those only by root.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --no-input --disable-pip-version-check --quiet
# Debian packages and the commands that tests want from them
WANTED := netcat-openbsd=nc.openbsd netcat-traditional=nc.traditional ncat=ncat \
	socat=socat strace=strace mandoc=mandoc nodejs=node perl=perl \
	systemd=systemd-analyze logrotate=logrotate zsh=zsh fish=fish \
	curl=curl jq=jq
PURE := protocol/*,harpcaller/adapters/*,harpcaller/store/admission.py,harpcaller/front/conversation.py
TESTED = HARPCALLER_CAMPAIGN=$${HARPCALLER_CAMPAIGN:-0.1} $(BIN)/coverage run -m pytest

# Whoever builds the same commit gets the same bytes.
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null))
BUILD = SOURCE_DATE_EPOCH=$(or $(EPOCH),1580601600) $(BIN)/python

.PHONY: help demo test bench torture dist deb sbom completions lock clean
.DELETE_ON_ERROR:

help:
	@echo "make demo     start a dispatcher, make a streaming call, stop it"
	@echo "make test     everything that must be green before a change goes in"
	@echo "make bench    measure it against its peers"
	@echo "make torture  the long runs: kills, state machines, races"
	@echo "make dist     build the wheel and the source archive, in dist/"
	@echo "make deb      build the Debian package, in dist/"
	@echo "make sbom     list what the package carries, in dist/ (CycloneDX)"
	@echo "make completions  renew those of bash, zsh and fish"
	@echo "make lock     renew requirements/*.txt from pyproject.toml"
	@echo "make clean    remove what the others made"

demo: .venv/runs
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

test: .venv/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(TESTED) -m "not alone" --numprocesses 2 --dist loadfile
	$(TESTED) -m alone
	$(BIN)/coverage combine --quiet
	@rm -f .coverage.* # halves of files, left by daemons that the tests killed
	$(BIN)/coverage report --skip-covered --fail-under=90
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100

bench: .venv/tests
	@.ci/debian-packages beanstalkd=beanstalkd
	@failed=; for name in compare calls harpd gateway footprint workflows; do \
		echo "$(BIN)/python bench/$$name.py"; \
		$(BIN)/python bench/$$name.py || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "bench missed or failed:$$failed" >&2; exit 1; }

torture: .venv/tests
	@.ci/debian-packages debootstrap=debootstrap
	HARPCALLER_CAMPAIGN=1 $(BIN)/python -m pytest -m campaign -s --timeout=7200

dist: .venv/runs
	$(BUILD) -m hatchling build --directory dist --target sdist --target wheel

deb: .venv/package .venv/wheels
	$(BUILD) packaging/deb.py --wheels .venv/wheels --output dist

sbom: .venv/package .venv/wheels
	$(BUILD) packaging/sbom.py --wheels .venv/wheels --output dist
completions: .venv/tests
	$(BIN)/python completions/renew.py

lock: .venv/runs
	$(PIP) install uv
	$(BIN)/python requirements/lock.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .import_linter_cache
	rm -rf .hypothesis .coverage .coverage.*

# What the program needs, and the program itself, as it is in this tree.
.venv/runs: pyproject.toml requirements/runtime.txt requirements/build.txt
	@PYTHON=$(PYTHON) .ci/new-venv .venv
	$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/package: .venv/runs requirements/package.txt
	$(PIP) install --require-hashes -r requirements/package.txt
	@touch $@

# What the Debian package carries. It is for the Python of Debian 12, whatever ours is.
.venv/wheels: .venv/runs requirements/runtime.txt
	@rm -rf $@
	$(PIP) download --require-hashes --no-deps --only-binary=:all: \
		--python-version 3.11 --dest $@ -r requirements/runtime.txt
	@touch $@

.venv/tests: .venv/runs .venv/wheels requirements/dev.txt
	@.ci/debian-packages $(WANTED)
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
