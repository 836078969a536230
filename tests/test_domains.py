"""Every folder of domains/ keeps the contract that the scripts rely on."""

import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import pytest

import domains
from common import domain as finder
from common.cli import ROOT, UserError

NAMES = finder.list_domains()
JUDGED = 150  # dev rows whose references are judged
WORDLESS = ("", "   \n", "```", "```sql\n```", "None", "\ud800", "SELECT")


@lru_cache
def benchmark(name, split):
    """The rows of a benchmark; nobody changes them."""
    return finder.load_domain(name).load_benchmark(split)


@pytest.fixture(params=NAMES)
def name(request):
    """The name of each domain in turn."""
    return request.param


@pytest.fixture
def verifier(name):
    """The domain's verify(); a domain that has none is judged by a model instead."""
    found = getattr(finder.load_domain(name), "verify", None)
    return found or pytest.skip("this domain has no verify()")


def verdicts(verify, pairs):
    """The verdict of each (row, answer)."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: verify(*pair), pairs))


def test_the_default_domain_is_there():
    assert "text_to_sql" in NAMES


def test_prompt_and_rubric_are_text(name):
    domain = finder.load_domain(name)
    assert domain.SYSTEM_PROMPT.strip() and domain.JUDGE_RUBRIC.strip()


def test_seeds_load_with_unique_ids(name):
    seeds = finder.load_domain(name).load_seeds()
    assert len(seeds) >= 5
    assert len({row["id"] for row in seeds}) == len(seeds)
    assert all(row["prompt"].strip() and row["completion"].strip() for row in seeds)


def test_benchmark_loads_with_unique_ids(name):
    splits = finder.splits_of(finder.load_domain(name))
    assert {"dev", "test"} <= set(splits)
    for rows in (benchmark(name, split) for split in splits):
        assert len({row["id"] for row in rows}) == len(rows) > 1
        assert len({row["prompt"] for row in rows}) > 0.98 * len(rows), "hardly any question is asked twice"
        for row in rows:
            assert row["prompt"].strip() and row["completion"].strip() and row["cluster"] and row["category"]


def test_benchmark_is_the_same_each_time(name):
    assert finder.load_domain(name).load_benchmark("dev") == benchmark(name, "dev")


def test_no_prompt_is_in_two_places(name):
    domain = finder.load_domain(name)
    rows = {split: benchmark(name, split) for split in finder.splits_of(domain)}
    places = [{row["prompt"] for row in some} for some in (domain.load_seeds(), *rows.values())]
    assert len(set.union(*places)) == sum(map(len, places))
    clusters = [{row["cluster"] for row in rows[split]} for split in ("dev", "test")]
    assert clusters[0] & clusters[1] == set()


def test_references_are_accepted(name, verifier):
    rows = benchmark(name, "dev")[:JUDGED]
    made = verdicts(verifier, [(row, row["completion"]) for row in rows])
    for row, verdict in zip(rows, made, strict=True):
        assert verdict.correct and verdict.format_ok, (verdict, row["completion"])
        by_hand = row.get("slice") == "bank"  # free words of a person cannot always be proved
        assert by_hand or verdict.explanation_ok is not False, (verdict, row["completion"])
    assert sum(verdict.explanation_ok is False for verdict in made) <= 0.1 * len(rows)
    assert sum(verdict.explanation_ok is True for verdict in made) >= 0.75 * len(rows)


def test_answers_that_say_nothing_are_rejected(name, verifier):
    rows = benchmark(name, "dev")[:20]
    for verdict in verdicts(verifier, [(row, answer) for row in rows for answer in WORDLESS]):
        assert not verdict.correct and verdict.reason


def test_the_reference_of_another_row_is_rejected(name, verifier):
    rows = benchmark(name, "dev")[:JUDGED]
    pairs = []
    for i, row in enumerate(rows):
        # Where both are to be refused, one refusal is as right as the other.
        other = next(
            (
                one
                for one in rows[i + 1 :] + rows[:i]
                if one["cluster"] != row["cluster"]
                and not (one.get("refuse") and row.get("refuse"))
                and one["completion"] != row["completion"]
            ),
            None,
        )
        if other is not None:
            pairs.append((row, other["completion"]))
    assert len(pairs) > 0.9 * len(rows)
    for (row, answer), verdict in zip(pairs, verdicts(verifier, pairs), strict=True):
        assert not verdict.correct, (row["prompt"], answer)


def test_only_rows_to_be_refused_accept_one_constant_refusal(name, verifier):
    """Where rows say `refuse`, the completion of the first such row is right for all of them and for no other row."""
    rows = benchmark(name, "dev")[: 2 * JUDGED]
    refusal = next((row["completion"] for row in rows if row.get("refuse")), None)
    if refusal is None:
        pytest.skip("no row of this domain is to be refused")
    for row, verdict in zip(rows, verdicts(verifier, [(row, refusal) for row in rows]), strict=True):
        assert verdict.correct is row["refuse"], row["id"]
        assert row["refuse"] or verdict.reason == "refused", row["id"]


def test_generated_rows_are_reproducible_and_disjoint_from_the_benchmark(name):
    generate = getattr(finder.load_domain(name), "generate", None)
    if generate is None:
        pytest.skip("this domain has no generate()")
    taken = {row["prompt"] for split in finder.splits_of(finder.load_domain(name)) for row in benchmark(name, split)}
    for split in ("sft", "dpo"):
        rows = generate(random.Random(4), 30, split)
        assert len(rows) == 30 and rows == generate(random.Random(4), 30, split)
        assert {row["prompt"] for row in rows} & taken == set()


def test_few_shot_prompt_asks_without_telling(name):
    few_shot_prompt = getattr(finder.load_domain(name), "few_shot_prompt", None)
    if few_shot_prompt is None:
        pytest.skip("this domain has no few_shot_prompt()")
    for row in benchmark(name, "dev")[:30]:
        text, stop = few_shot_prompt(row)
        assert all(isinstance(one, str) and one for one in stop)
        assert row["completion"] not in text
        assert few_shot_prompt({"id": row["id"], "prompt": row["prompt"]})[0] == text, "only the prompt is asked"


# --- loading ----------------------------------------------------------------------------------------


@pytest.fixture
def make_domain(tmp_path, monkeypatch):
    """A function that makes a domain folder of the given content beside no other."""
    monkeypatch.setattr(finder, "DOMAINS", tmp_path)
    monkeypatch.setattr(domains, "__path__", [*domains.__path__, str(tmp_path)])
    made = []

    def make(name, content):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(content, encoding="utf-8")
        made.append(name)

    yield make
    for name in made:
        sys.modules.pop(f"domains.{name}", None)
        vars(domains).pop(name, None)


def test_domain_that_misses_part_of_the_contract_is_refused_by_name(make_domain):
    make_domain("half_a_domain", "SYSTEM_PROMPT = 'Answer.'\ndef load_seeds():\n    return []\n")
    with pytest.raises(UserError) as caught:
        finder.load_domain("half_a_domain")
    message = str(caught.value)
    assert "domains/half_a_domain/__init__.py" in message and "JUDGE_RUBRIC, load_benchmark" in message
    assert "SYSTEM_PROMPT" not in message and "load_seeds" not in message and "\n" not in message


def test_domain_of_four_names_is_enough(make_domain):
    make_domain("whole_domain", "SYSTEM_PROMPT = JUDGE_RUBRIC = 'x'\nload_seeds = load_benchmark = print\n")
    assert finder.list_domains() == ["whole_domain"]
    assert finder.load_domain("whole_domain").SYSTEM_PROMPT == "x"


def test_unknown_domain_names_the_nearest():
    with pytest.raises(UserError, match=r"no domain 'text_to_sq' \(did you mean text_to_sql\?\)"):
        finder.load_domain("text_to_sq")


def test_folders_without_code_are_no_domains(tmp_path, monkeypatch):
    (tmp_path / "notes").mkdir()
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(finder, "DOMAINS", tmp_path)
    assert finder.list_domains() == []


def test_no_script_outside_the_domains_knows_one():
    for folder in ("common", "train", "eval", "serve", "data"):
        for path in (ROOT / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8").lower()
            text = re.sub(r"sqlite3(\.sqlite_[a-z]+)?|sqlite_errorcode", "", text)  # the ledger's library, its errors
            assert "domains.text_to_sql" not in text and "sqlite" not in text, path.name
