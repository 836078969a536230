#!/usr/bin/env bash
# bash serve.sh [--recipe R] [--out DIR] [--adapter DIR] [--port 8000] [--host 127.0.0.1] ...
#
# Serves the trained model with vLLM and prints a curl to paste; bash serve.sh --help lists the flags. Also the
# container's entry point: there SERVE_PYTHON names the image's own Python and nothing is installed.
set -e
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" > /dev/null && pwd) # the current folder stays: paths in the flags are from there
if [ -z "${SERVE_PYTHON:-}" ]; then
  bash "$root/setup.sh"
  SERVE_PYTHON=$root/.venv/bin/python
fi
exec "$SERVE_PYTHON" "$root/serve/launch.py" "$@" # exec: signals go to the launcher, which stops vLLM
