#!/usr/bin/env bash
# bash test.sh [flags of pytest]
#
# Sets up .venv, then runs the tests; all of them unless told otherwise (bash test.sh -m "not slow" while developing).
set -e
cd "$(dirname "${BASH_SOURCE[0]}")"
bash setup.sh
exec .venv/bin/python -m pytest "$@"
