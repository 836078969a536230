"""README.md is true: its commands parse, the files it names are there, its table is the report's."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python (\S+)\.py(.*)$", README, re.MULTILINE)
IN_TEXT = re.findall(r"`python (\S+)\.py([^`]*)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
SHELL = re.findall(r"^bash (\S+)", README, re.MULTILINE)


def test_the_readme_shows_every_stage():
    shown = {name for name, _ in COMMANDS}
    assert {"data/gen_sft", "train/sft", "data/gen_dpo", "train/dpo", "eval/answer", "eval/winrate", "eval/domain",
            "eval/mmlu", "eval/report"} <= shown  # fmt: skip
    assert {"run.sh", "serve.sh", "test.sh"} <= set(SHELL) | set(re.findall(r"`bash (\S+?)`", README))


@pytest.mark.parametrize("script, flags", COMMANDS)
def test_readme_command_parses(script, flags):
    given = shlex.split(flags.split("#")[0])
    args = vars(importlib.import_module(script.replace("/", ".")).parse_args(given))
    for flag, value in zip(given, given[1:], strict=False):
        if flag.startswith("--") and not value.startswith("--"):
            used = args[flag.removeprefix("--")]
            shown = used if isinstance(used, list) else [used]
            assert value in map(str, shown) or float(value) in shown, (
                f"{script} takes {flag} and does not use its value"
            )


@pytest.mark.parametrize("script, flags", [one for one in IN_TEXT if "..." not in one[1]])
def test_command_in_the_text_parses(script, flags):
    assert importlib.import_module(script.replace("/", ".")).parse_args(shlex.split(flags))


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:data|train|eval|serve|domains|recipes|tests)/[\w./]+)`", README)))
)
def test_files_named_in_the_readme_exist(name):
    assert (ROOT / name).exists(), name


def test_the_bill_follows_from_the_price_file():
    """Items for 12,000 rows less the 160 seeds, 3 rows each, times the tokens that the text assumes."""
    block = README.split("<!-- bill:begin -->")[1].split("<!-- bill:end -->")[0]
    prices = json.loads((ROOT / "common/prices.json").read_text(encoding="utf-8"))["prices"]
    seeds = len(json.loads((ROOT / "data/seed_prompts.json").read_text(encoding="utf-8"))["seeds"])
    assert "2,700 tokens in and 1,240 out" in README.replace("\n", " ")
    for name, price in prices.items():
        dollars = (12_000 - seeds) / 3 * (2700 * price["input"] + 1240 * price["output"]) / 1e6
        assert f"| `{name}` | {dollars:,.0f} |" in block, name


def test_the_results_table_is_the_reports():
    block = README.split("<!-- results:begin -->")[1].split("<!-- results:end -->")[0]
    report = (ROOT / "EVAL_REPORT.md").read_text(encoding="utf-8")
    rows = [line for line in block.split("\n") if line.startswith("|")]
    assert len(rows) > 4 and all(row in report for row in rows)
