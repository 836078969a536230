"""The data card: where the SFT rows come from, and which duties come with them. A library for gen_sft.py."""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.paid import teacher_terms


def data_card(args, rows: list, calls: dict | None) -> str:
    """The card as markdown; `calls`: the ledger's totals when a model was the teacher."""
    dates = sorted({row["date"] for row in rows if row.get("date")})
    lines = [
        "# Data card",
        "",
        f"{len(rows)} rows of the domain {args.domain}, seed {args.seed}.",
        "",
        "| written by | rows |",
        "|---|---|",
        *(f"| {name} | {count} |" for name, count in Counter(row["teacher"] for row in rows).most_common()),
        "",
        "## Duties",
        "",
        teacher_terms(args.teacher),
        "The licence of the base that is trained on the rows has duties of its own, which MODEL_CARD.md names.",
        "",
    ]
    if calls is not None:
        versions = sorted({row["prompt_version"] for row in rows if row.get("prompt_version")})
        agreed = [row["agreement"] for row in rows if row.get("agreement") is not None]
        lines += [
            "## How a model wrote them",
            "",
            f"Method {args.method}, prompts of version {', '.join(versions)}, answered on "
            f"{' to '.join(dict.fromkeys((dates[0], dates[-1]))) if dates else 'no day'}.",
            f"Each row was executed; up to {args.agree - 1} further answers of the same model checked {len(agreed)}, "
            f"of which {sum(agreed) / len(agreed):.1%} agreed." if agreed else "No further answers were asked for.",
            f"Calls: {', '.join(f'{name} {count}' for name, count in calls['calls'].items())}; "
            f"{calls['dollars']:.4f} dollars.",
            "",
        ]  # fmt: skip
    return "\n".join(lines)
