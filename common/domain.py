"""Finds a domain: one folder of domains/ whose __init__.py has the names of the contract, and asks it by that."""

import importlib
import json
from typing import NamedTuple

from common import rows_domain
from common.cli import ROOT, UserError, nearest
from common.layouts import read_text
from common.rows import read_prompt
from common.tables import check_ids

DOMAINS = ROOT / "domains"
REQUIRED = ("SYSTEM_PROMPT", "JUDGE_RUBRIC", "load_seeds", "load_benchmark")
# What each row has; every other key is between the domain's own functions.
ROWS = {
    "load_seeds": ("id", "prompt", "completion", "category"),
    "generate": ("id", "prompt", "completion", "category"),
    "load_benchmark": ("id", "prompt", "completion", "category", "cluster"),
    "load_questions": ("id", "prompt", "completion", "category", "cluster"),
}


class Verdict(NamedTuple):
    """What is known of an answer: None in a field means that it cannot be judged; `reason` is a word of one's own."""

    correct: bool | None
    format_ok: bool | None
    explanation_ok: bool | None
    reason: str


def list_domains() -> list:
    """Names of the folders of domains/ that can be loaded."""
    return sorted(path.parent.name for path in DOMAINS.glob("*/__init__.py"))


def load_domain(name: str, out=None):
    """The domain's module; for `rows` what train/sft.py wrote to the folder `out`, see common/rows_domain.py.

    Raises UserError for an unknown domain or one that misses part of the contract.
    """
    if name == rows_domain.NAME and out:
        return rows_domain.load(out)
    if name not in list_domains():
        have = [*list_domains(), rows_domain.NAME]
        raise UserError(f"no domain {name!r}{nearest(name, have)}; there is {', '.join(have)}.")
    module = importlib.import_module(f"domains.{name}")
    missing = [attribute for attribute in REQUIRED if not hasattr(module, attribute)]
    if missing:
        raise UserError(
            f"domains/{name}/__init__.py does not define {', '.join(missing)}; see 'Your own domain' in README.md."
        )
    return module


def rows_of(domain, maker: str, *given) -> list:
    """The rows of the domain's load_seeds, load_benchmark or a generator; UserError for none, or one that is unfit."""
    rows = getattr(domain, maker)(*given)
    shown = ", ".join(map(repr, (one for one in given if isinstance(one, (int, str)))))
    return check_rows(rows, maker, f"{maker}({shown}) of {name_of(domain)}")


def check_rows(rows, maker: str, place: str) -> list:
    """The rows, as a list; UserError beginning with `place` for none, or one that is not as `maker` has to give it."""
    rows = list(rows)
    if not rows:
        raise UserError(f"{place} gives no row; see 'Your own domain' in README.md.")
    for i, row in enumerate(rows):
        where = f"{place}: row {i}"
        if not isinstance(row, dict):
            raise UserError(f"{where} is no dict but a {type(row).__name__}; see 'Your own domain' in README.md.")
        missing = [key for key in ROWS.get(maker, ROWS["generate"]) if row.get(key) is None]
        if missing:
            raise UserError(f"{where} has no {', '.join(missing)}; see 'Your own domain' in README.md.")
        if maker == "load_benchmark":  # its prompts are compared and written as text; other questions need not be
            read_text(row["prompt"], where, "prompt")
        else:
            read_prompt(row["prompt"], where)
        read_text(row["completion"], where, "completion")
        check_json(row, where)
    if "cluster" in ROWS.get(maker, ()):
        check_labels(rows, place)
    return rows


def check_json(row: dict, where: str):
    """UserError for what JSON cannot hold: in a hash a set looks otherwise in every process, so that no run goes on."""
    for key, value in row.items():
        try:
            json.dumps({"": None, key: value}, sort_keys=True)  # a key that is no text cannot be sorted beside one
        except (TypeError, ValueError, RecursionError) as error:
            raise UserError(
                f"{where}: {key} cannot be written as JSON ({error}); use text, numbers, booleans, None, lists, and "
                "dicts whose keys are text."
            ) from None


def check_labels(rows: list, place: str):
    """UserError for rows to be asked whose id, category or cluster later stages cannot find, count or sort them by."""
    named = [(f"{place}: row {i}", None, row) for i, row in enumerate(rows)]
    check_ids(named)
    for where, _, row in named:
        for key in ("category", "cluster"):
            if not isinstance(row[key], (str, int, float)):
                raise UserError(f"{where}: {key} is a {type(row[key]).__name__}; it must be text or a number.")
    for key in ("id", "category"):
        if len({isinstance(row[key], str) for row in rows}) > 1:
            raise UserError(f"{place}: {key} is text in some rows and a number in others; make it one kind in all.")


def splits_of(domain) -> tuple:
    """The names that the domain's load_benchmark takes."""
    return getattr(domain, "SPLITS", ("dev", "test"))


def name_of(domain) -> str:
    """The domain as a user knows it."""
    return getattr(domain, "__name__", "the domain").replace(".", "/")


def verdict_on(domain, row: dict, answer: str) -> Verdict:
    """The domain's verdict on an answer. None in place of a verdict, too, means that it cannot be judged.

    UserError when verify() gives anything without the four fields.
    """
    given = domain.verify(row, answer)
    if given is None:
        return Verdict(None, None, None, "cannot_judge")
    try:
        *judged, reason = (getattr(given, field) for field in Verdict._fields)
    except AttributeError:
        raise UserError(
            f"verify() of {name_of(domain)} gives a {type(given).__name__}; it must be a Verdict of common/domain.py, "
            f"with {', '.join(Verdict._fields)}."
        ) from None
    return Verdict(*(None if one is None else bool(one) for one in judged), str(reason))
