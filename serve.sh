#!/usr/bin/env bash
# bash serve.sh [--recipe R] [--out DIR] [--adapter DIR] [--port 8000] [--host 127.0.0.1] ...
#
# Serves the trained model with vLLM and prints a curl to paste; bash serve.sh --help lists the flags. Also the
# container's entry point: there SERVE_PYTHON names the image's own Python and nothing is installed.
set -e
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ -z "${SERVE_PYTHON:-}" ]; then
  bash setup.sh
  SERVE_PYTHON=.venv/bin/python
fi
exec "$SERVE_PYTHON" serve/launch.py "$@" # exec: signals go to the launcher, which stops vLLM
