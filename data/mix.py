"""The domain's own teachers, alone or mixed in shares: who makes rows without a model.

A library for gen_sft.py and gen_dpo.py, which name them by --teacher, by default the domain's DEFAULT_TEACHER.
`templates` is the domain's generate(), the others are those of its TEACHERS.
"""

import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import cli
from common.domain import check_rows, rows_of

TEMPLATES = "templates"


def named(domain, args) -> str:
    """The --teacher of this run: by a flag or the recipe, else the domain's DEFAULT_TEACHER, else its templates."""
    return args.teacher or getattr(domain, "DEFAULT_TEACHER", TEMPLATES)


def shares_of(domain, args) -> dict:
    """{name: share of the rows} of the domain's own teachers that named() names; {} when one is not the domain's.

    UserError for a share that is no number above 0, and for templates of a domain that has none.
    """
    shares = {}
    for name, colon, share in (word.partition(":") for word in named(domain, args).split(",")):
        if name != TEMPLATES and name not in getattr(domain, "TEACHERS", {}):
            return {}
        if name == TEMPLATES and not hasattr(domain, "generate"):
            raise cli.UserError(f"the domain {args.domain} has no generate(), so --teacher {name} cannot work.")
        try:
            shares[name] = float(share) if colon else 1.0
        except ValueError:
            shares[name] = 0.0
        if not 0 < shares[name] < math.inf:
            raise cli.UserError(
                f"--teacher {named(domain, args)}: the share of {name} must be a number above 0, not {share!r}."
            )
    return {name: share / sum(shares.values()) for name, share in shares.items()}


def make_rows(domain, shares: dict, seed: int, n: int, split: str) -> list:
    """n rows of a split by these teachers, each row saying its teacher; of several teachers shuffled."""
    made, end = [], 0.0
    for name, share in shares.items():
        begin, end = end, end + share
        count, rng = round(n * end) - round(n * begin), random.Random(seed)
        if name == TEMPLATES:
            rows = rows_of(domain, "generate", rng, count, split)
        else:
            rows = check_rows(domain.TEACHERS[name](rng, count, split), "generate", f"the teacher {name}")
        made += [{"seed_id": None, "teacher": name, **row} for row in rows]
    if len(shares) > 1:
        random.Random(seed).shuffle(made)  # so that a set cut to fewer rows has the same shares
        made = [{**row, "id": f"{row['teacher']}-{row['id']}"} for row in made]
    return made
