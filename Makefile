# On a fresh machine `make demo` and `make test` set everything up and then do their job.
# The command is afterwards .venv/bin/tactful.
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint unit faults cluster-test setup check-java zip pack bench clean

demo: setup
	@$(BIN)/tactful demo

test: lint unit

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo

# Two processes, each with one Spark session that serves all its tests, module by module.
unit: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

# The disk fails at every place, the process is killed at fifty moments, worlds that nobody has
# seen come in any order: hours. Every proof that takes more than a few runs belongs here.
faults: setup
	@$(BIN)/python -m pytest -m faults -s --durations=0 tests
	@TACTFUL_PUBLISH_EACH_TIME=1 $(BIN)/python -m pytest -m 'faults or not faults' tests/jobs/test_closings.py tests/jobs/test_spellings.py \
	  tests/jobs/test_messages.py tests/jobs/test_windows.py tests/jobs/test_purchases.py tests/jobs/test_bounces.py

# On clusters whose processes are all here, an hour: two workers, who are killed, a lake in a bucket,
# and the property of convergence where executors are processes of their own.
cluster-test: setup
	@$(BIN)/python -m pytest -m 'faults or not faults' -s --durations=0 tests/test_cluster.py tests/test_cluster_s3.py \
	  tests/faults/test_cluster_kills.py tests/faults/test_small_driver.py
	@MASTER='local-cluster[2,1,1024]' $(BIN)/python -m pytest -n 0 -s --durations=0 tests/properties/test_convergence.py

bench: setup
	@$(BIN)/python tests/bench/run.py

zip: $(READY)
	@$(BIN)/python -m tactful.jobs.shipping

# All that a driver needs where nothing is installed: dist/pack.
pack: setup
	@$(BIN)/python -m tactful.jobs.packing

setup: check-java $(READY)

# PYTHON=/some/python3.12 make demo takes that one; else the first that is new enough.
$(READY): pyproject.toml
	@for python in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  found=$$("$${PYTHON:-python3}" --version 2>/dev/null || echo "no Python"); \
	  echo "Found $$found; install Python 3.11 or newer (Debian, Ubuntu: python3.11 and python3.11-venv)." >&2; \
	  exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  rm -rf .venv; \
	  if ! "$$python" -m venv .venv >/dev/null 2>&1; then \
	    rm -rf .venv; \
	    echo "$$python cannot make a virtual environment; install its venv package (Debian, Ubuntu: python3-venv)." >&2; \
	    exit 1; \
	  fi; \
	fi; \
	echo "Installing packages into .venv (once; a few minutes) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[local,demo,dev]"
	@$(BIN)/python -m tactful.jobs.prepare
	@mkdir -p .venv/editor/tactful; for room in conf jobs schemas transforms; do \
	  ln -sfn "../../../$$room" ".venv/editor/tactful/$$room"; \
	done
	@touch $@

# `java -version` says: openjdk version "17.0.9"; before Java 9 it said "1.8.0".
check-java:
	@java=java; \
	if [ -n "$$JAVA_HOME" ] && [ -x "$$JAVA_HOME/bin/java" ]; then java=$$JAVA_HOME/bin/java; fi; \
	said=$$("$$java" -version 2>&1 | sed -n 's/.*version "\([0-9][0-9.]*\).*/\1/p' | head -n 1); \
	major=$${said%%.*}; \
	if [ -z "$$major" ]; then \
	  echo "Found no Java; install Java 17 or 21 (Debian, Ubuntu: openjdk-17-jre-headless)." >&2; \
	  exit 1; \
	elif [ "$$major" -lt 17 ]; then \
	  echo "Found Java $$said; install Java 17 or 21 (Debian, Ubuntu: openjdk-17-jre-headless), or set JAVA_HOME." >&2; \
	  exit 1; \
	fi

clean:
	@rm -rf build dist demo-lake spark-warehouse metastore_db derby.log *.egg-info \
	  .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
