"""Answers that people met and what the verifier must say of each; tests/test_verify.py has more of every kind."""

import json
from pathlib import Path

import pytest

from domains.text_to_sql.verify import verify

FILES = sorted((Path(__file__).parent / "fixtures" / "sql").glob("*.json"))
CASES = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in FILES]
CHECKS = [pytest.param(case, one, id=f"{name}-{i}") for name, case in CASES for i, one in enumerate(case["checks"])]


def test_every_kind_is_there():
    assert [name for name, _ in CASES] == ["empty_result", "extraction", "limit_ties", "non_ascii", "refusal_wording"]


@pytest.mark.parametrize("case, check", CHECKS)
def test_the_verdict_is_as_expected(case, check):
    row = {"ddl": case["ddl"], "fills": case["fills"], "gold": check["gold"], "missing": check.get("missing", [])}
    answer = check.get("answer") or f"```sql\n{check['sql']}\n```\n{check.get('sentence', 'Lists it.')}"
    verdict = verify(row, answer)._asdict()
    assert {key: verdict[key] for key in check["expect"]} == check["expect"], verdict["reason"]
