#!/usr/bin/env bash
# bash run.sh [RECIPE] [--out DIR] [--seed N] [--domain NAME] [--mmlu_dir DIR] [--from STAGE]
#
# Sets up .venv, says how long it will take, then runs every stage in order, from synthetic data to EVAL_REPORT.md.
# RECIPE is a file of recipes/ (default: recipes/cpu.yaml). --mmlu_dir names MMLU's own files for the mmlu stage.
# --from STAGE starts at a stage, with the products of the earlier ones as they are. Stops at the first stage that
# fails. Seconds of each stage: OUT/stage_seconds.json.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" > /dev/null && pwd) # the current folder stays: paths in the flags are from there

STAGES="gen_sft:data/gen_sft.py sft:train/sft.py gen_dpo:data/gen_dpo.py dpo:train/dpo.py answer:eval/answer.py
  winrate:eval/winrate.py domain:eval/domain.py mmlu:eval/mmlu.py report:eval/report.py"
PYTHON=$root/.venv/bin/python

fail() {
  echo "error: $*" >&2
  exit 2
}

stage_names() { for stage in $STAGES; do printf ' %s' "${stage%%:*}"; done; }

# Prints OUT and the report's path, one a line; refuses an unknown flag or recipe now, in the words that the stages
# use, before minutes of work.
SETTINGS='
import sys
from common import cli

def parse_args():
    parser = cli.parser("", "run")
    parser.prog = "run.sh"
    return cli.parse(parser, sys.argv[1:])

def main(args):
    report = cli.from_root("EVAL_REPORT.md") if args.tracked else args.out / "EVAL_REPORT.md"
    print(args.out, report, sep="\n")

cli.run(main, parse_args)'

# Adds one stage to stage_seconds.json; the first stage of all starts the file anew.
RECORD='
import sys
from pathlib import Path
from common import files

path, stage, seconds, first = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
known = files.read_json(path) if path.is_file() and stage != first else {}
files.write_json(path, {**known, stage: round(seconds, 1)})'

now() { "$PYTHON" -I -S -c 'import time; print(time.time())'; } # date has no fractions on macOS

flags=() # of every stage
mmlu=() # of the mmlu stage alone
from=""
case "${1:-}" in
  "" | -*) ;;
  *) flags=(--recipe "$1"); shift ;;
esac
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$root/run.sh"; exit 0 ;;
    --from) [ $# -gt 1 ] || fail "--from needs a stage: one of$(stage_names)"; from=$2; shift 2 ;;
    --from=*) from=${1#--from=}; shift ;;
    --mmlu_dir) [ $# -gt 1 ] || fail "--mmlu_dir needs the folder of MMLU's files"; mmlu=(--mmlu_dir "$2"); shift 2 ;;
    --mmlu_dir=*) mmlu=("$1"); shift ;;
    *) flags=(${flags[@]+"${flags[@]}"} "$1"); shift ;; # bash 3.2 calls an empty array unset
  esac
done
case "$(stage_names) " in
  *" ${from:-gen_sft} "*) ;;
  *) fail "there is no stage $from; --from takes one of$(stage_names)" ;;
esac

bash "$root/setup.sh"
settings=$(PYTHONPATH="$root" "$PYTHON" -c "$SETTINGS" ${flags[@]+"${flags[@]}"})
out=$(echo "$settings" | sed -n 1p) report=$(echo "$settings" | sed -n 2p)
[ -n "$from" ] || "$PYTHON" "$root/bench/estimate.py" ${flags[@]+"${flags[@]}"}
shown="" # the flags as one would type them
[ ${#flags[@]} -eq 0 ] || shown=$(printf ' %q' "${flags[@]}")

total=$(echo "$STAGES" | wc -w | tr -d ' ') number=0 table="" started=$(now)
first=${STAGES%%:*}
for stage in $STAGES; do
  name=${stage%%:*} script=${stage#*:}
  number=$((number + 1))
  if [ -n "$from" ] && [ "$name" != "$from" ]; then continue; fi
  from=""
  echo
  echo "== $number/$total $name: python $script$shown"
  before=$(now)
  code=0
  own=()
  [ "$name" != mmlu ] || own=(${mmlu[@]+"${mmlu[@]}"})
  "$PYTHON" "$root/$script" ${flags[@]+"${flags[@]}"} ${own[@]+"${own[@]}"} || code=$?
  if [ "$code" -ne 0 ]; then
    echo "error: stage $number ($name) ended with exit code $code: .venv/bin/python $script$shown" >&2
    echo "mend that, then go on with: bash run.sh$shown --from $name" >&2
    exit "$code"
  fi
  seconds=$(echo "$(now) $before" | awk '{printf "%.1f", $1 - $2}')
  PYTHONPATH="$root" "$PYTHON" -c "$RECORD" "$out/stage_seconds.json" "$name" "$seconds" "$first"
  table="$table$(printf '%-10s %8s s' "$name" "$seconds")
"
done

echo
echo "$table$(echo "$(now) $started" | awk '{printf "%-10s %8.1f s", "total", $1 - $2}')"
echo
echo "wrote $report; models: $out/sft, $out/dpo; results: $out/eval; seconds: $out/stage_seconds.json"
echo "next: bash serve.sh$shown"
