#!/usr/bin/env bash
# bash test.sh [flags of pytest]
#
# Sets up .venv, then runs the tests; all of them unless told otherwise (bash test.sh -m "not slow" while developing).
# Files of tests run side by side (pytest-xdist), one for each core up to four: two single threads do more than one pair of threads.
set -e
cd "$(dirname "${BASH_SOURCE[0]}")"
bash setup.sh
workers=$(nproc)
[ "$workers" -le 4 ] || workers=4
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(($(nproc) / workers))}"
exec .venv/bin/python -m pytest -n "$workers" --dist loadfile --no-loadscope-reorder "$@"
