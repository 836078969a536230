"""Data of one's own in the formats that people have: told by their keys, read alike, refused in one sentence."""

import csv
import json
from pathlib import Path

import pytest

from common import cli, files, rows
from common.cli import UserError
from data import convert
from train import dpo, sft

CASES = Path(__file__).parent / "fixtures" / "rows"
WANTED = [
    {"prompt": "Add the numbers.\n\n2 and 3", "completion": "5"},
    {"prompt": "Say a word.", "completion": 'Tree, "oak"\nor so.'},
]
USER, GPT = (lambda text: {"from": "human", "value": text}), (lambda text: {"from": "gpt", "value": text})
SAID = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
# The same two rows in each format.
SINGLE = {
    "alpaca": [
        {"instruction": "Add the numbers.", "input": "2 and 3", "output": "5"},
        {"instruction": "Say a word.", "input": "", "output": WANTED[1]["completion"]},
    ],
    "self_instruct": [
        {"instruction": "Add the numbers.", "instances": [{"input": "2 and 3", "output": "5"}]},
        {"instruction": "Say a word.", "instances": [{"input": "", "output": WANTED[1]["completion"]}]},
    ],
    "sharegpt": [{"conversations": [USER(row["prompt"]), GPT(row["completion"])]} for row in WANTED],
    "messages": [
        {"messages": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]}
        for row in WANTED
    ],
    "prompt and completion": WANTED,
}
PAIR = {"prompt": "Add the numbers.\n\n2 and 3", "chosen": "5", "rejected": "6"}
PAIRED = {
    "plain": PAIR,
    "alpaca": {"instruction": "Add the numbers.", "input": "2 and 3", "chosen": "5", "rejected": "6"},
    "sharegpt": {"conversations": [USER(PAIR["prompt"])], "chosen": GPT("5"), "rejected": GPT("6")},
    "transcript": {
        "chosen": f"\n\nHuman: {PAIR['prompt']}\n\nAssistant: 5",
        "rejected": f"\n\nHuman: {PAIR['prompt']}\n\nAssistant: 6",
    },
    "messages": {
        "chosen": [*SINGLE["messages"][0]["messages"][:1], {"role": "assistant", "content": "5"}],
        "rejected": [*SINGLE["messages"][0]["messages"][:1], {"role": "assistant", "content": "6"}],
    },
}


def kept(made, keys=("prompt", "completion")):
    """The rows without id and provenance."""
    return [{key: row[key] for key in keys} for row in made]


def write(path, made):
    """The rows in the form that the name's ending says."""
    if path.suffix == ".jsonl":
        files.write_jsonl(path, made)
    elif path.suffix == ".json":
        path.write_text(json.dumps(made, indent=1), encoding="utf-8")
    elif path.suffix == ".parquet":
        from datasets import Dataset

        Dataset.from_list(made).to_parquet(path)
    else:
        with path.open("w", newline="", encoding="utf-8-sig") as handle:
            table = csv.DictWriter(handle, made[0], delimiter={".csv": ",", ".tsv": "\t"}[path.suffix])
            table.writeheader()
            table.writerows({k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in made)
    return path


def refusal(path, read=rows.read_examples):
    """The one sentence that refuses a file."""
    with pytest.raises(UserError) as caught:
        read(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_every_format_in_every_kind_of_file_gives_the_same_rows(tmp_path, form):
    for name, made in SINGLE.items():
        assert kept(rows.read_examples(write(tmp_path / f"{name}.{form}", made))) == WANTED, name
    for name, made in PAIRED.items():
        read, same = rows.read_pairs(write(tmp_path / f"{name}.{form}", [made]))
        assert kept(read, ("prompt", "chosen", "rejected")) == [PAIR] and same == 0, name


def test_keys_of_a_format_are_not_kept_beside_ours_and_others_are(tmp_path):
    made = [{**SINGLE["alpaca"][0], "source": "s", "id": 7}]
    assert rows.read_examples(write(tmp_path / "a.jsonl", made)) == [{"id": 7, "source": "s", **WANTED[0]}]
    two = {"instruction": "Say.", "instances": [{"input": "a", "output": "A"}, {"input": "b", "output": "B"}]}
    read = rows.read_examples(write(tmp_path / "s.jsonl", [two]))
    assert [(row["id"], row["prompt"]) for row in read] == [("line-1#1", "Say.\n\na"), ("line-1#2", "Say.\n\nb")]


def test_a_system_text_beside_the_row_is_its_system_message(tmp_path):
    system, beside = {"role": "system", "content": "Be short."}, {"system": "Be short."}
    wanted = [system, {"role": "user", "content": WANTED[0]["prompt"]}]
    messages = {"prompt": wanted[1:], "completion": "5"}
    for name, row in [*((name, made[0]) for name, made in SINGLE.items()), ("messages as prompt", messages)]:
        read = rows.read_examples(write(tmp_path / "a.jsonl", [row | beside]))
        assert read[0]["prompt"] == wanted and "system" not in read[0], name
        plain = rows.read_examples(write(tmp_path / "a.jsonl", [row | {"system": ""}]))
        assert plain[0]["prompt"] == WANTED[0]["prompt"] and "system" not in plain[0], name
    whole = PAIRED["messages"] | {"prompt": PAIR["prompt"]}
    pairs = {**PAIRED, "text as well": whole, "messages as well": whole | {"prompt": wanted[1:]}}
    for name, row in pairs.items():
        read, _ = rows.read_pairs(write(tmp_path / "p.jsonl", [row | beside]))
        assert (read[0]["prompt"], read[0]["chosen"], read[0]["rejected"]) == (wanted, "5", "6"), name
        assert "system" not in read[0], name


def test_a_system_text_beside_messages_that_have_one_is_kept_once(tmp_path):
    row = {"messages": [{"role": "system", "content": "Be short."}, *SAID]}
    read = rows.read_examples(write(tmp_path / "a.jsonl", [row | {"system": "Be short."}]))
    assert read[0]["prompt"] == row["messages"][:2]
    said = refusal(write(tmp_path / "a.jsonl", [row | {"system": "Be long."}]))
    assert "a.jsonl:1 has a system text beside messages that begin with another one" in said


def test_transcripts_keep_all_turns_and_marks_within_an_answer(tmp_path):
    begun = "\n\nHuman: Hi\n\nAssistant: Ho\n\nHuman: And\nnow?"
    pair = {"chosen": begun + "\n\nAssistant: See:\n\nAssistant: is a mark", "rejected": begun + "\n\nAssistant: No"}
    read, _ = rows.read_pairs(write(tmp_path / "t.jsonl", [pair]))
    assert read[0]["prompt"] == [*SAID, {"role": "user", "content": "And\nnow?"}]
    assert (read[0]["chosen"], read[0]["rejected"]) == ("See:\n\nis a mark", "No")
    empty = {"chosen": begun + "\n\nAssistant:", "rejected": begun + "\n\nAssistant: No"}
    assert "t.jsonl:1: chosen[3].content is empty" in refusal(write(tmp_path / "t.jsonl", [empty]), rows.read_pairs)


@pytest.mark.parametrize(
    "made, said",
    [
        ([{"instruction": "a", "input": "b"}], "resembles Alpaca's instruction and output and lacks output (it has"),
        ([{"instruction": 3, "output": "b"}], ":1: instruction is a number"),
        ([{"instruction": "a", "input": 3, "output": "b"}], ":1: input is a number"),
        ([{"instruction": "a", "output": None}], ":1: output is null"),
        ([{"instruction": "a", "output": "b", "history": [["c", "d"]]}], ":1 has a history"),
        ([{"instruction": "a", "instances": [{"input": ""}]}], "instances[0] lacks output"),
        ([{"instruction": "a", "instances": "b"}], "instances is text; it must be a list"),
        ([{"question": "a", "answer": "b"}], "other names (it has question, answer); run python data/convert.py"),
        ([{"prompt": "a", "response": "b"}], "NEW.jsonl --rename response=completion."),
        ([{"prompt": "a", "input": "b", "answer": "c"}], "--rename prompt=instruction answer=output."),
        ([{"question": "a", "context": "b", "answer": "c"}], "question=instruction answer=output context=input."),
        (
            [{"instruction": "a", "input": "b", "context": "c", "response": "d"}],
            "response=output, which leaves out con",
        ),
        ([{"input": "a", "context": "b", "output": "c"}], "input=prompt output=completion, which leaves out context."),
        ([{"turns": ["a"]}], "has turns, which is none of the formats known here: prompt and completion; messages; "),
        ([SINGLE["alpaca"][0], SINGLE["sharegpt"][0]], "mixes formats: "),
        ([WANTED[0], {"messages": SAID}], "mixes formats: "),
        ([PAIRED["plain"]], "has pairs (prompt, chosen and rejected), which train/dpo.py takes; SFT needs one answer"),
        ([PAIRED["sharegpt"]], "has pairs (ShareGPT's conversations with chosen and rejected)"),
        ([WANTED[0], {**WANTED[1], "label": False}], ":2 has an answer with a label, as KTO takes"),
        ([{"conversations": [USER("a"), {"from": "observation", "value": "b"}]}], "role is 'observation'"),
    ],
)
def test_what_sft_cannot_take_is_one_sentence(tmp_path, made, said):
    assert said in refusal(write(tmp_path / "own.jsonl", made))


@pytest.mark.parametrize("name", SINGLE)
def test_dpo_refuses_rows_of_one_answer(tmp_path, name):
    said = refusal(write(tmp_path / "own.jsonl", SINGLE[name]), rows.read_pairs)
    assert "has one answer a row" in said and "DPO learns from two" in said and "train/sft.py takes this one" in said


@pytest.mark.parametrize(
    "made, said",
    [
        ([{"prompt": "a", "chosen": "b"}], "resembles prompt, chosen and rejected and lacks rejected"),
        ([{"chosen": "a", "rejected": "b"}], ":1 lacks prompt"),
        ([PAIRED["sharegpt"], PAIRED["plain"]], "mixes formats: "),
        ([{**PAIRED["alpaca"], "chosen": ["5"]}], "chosen[0] is text; a message has role and content"),
    ],
)
def test_what_dpo_cannot_take_is_one_sentence(tmp_path, made, said):
    assert said in refusal(write(tmp_path / "own.jsonl", made), rows.read_pairs)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"prompt,completion\na,b,c\n", ":2 has more fields than the header names"),
        (b"prompt,completion\na\n", ":2: completion is null"),
        (b'prompt,completion\na,"b\n', "own.csv is no table after line 1 ("),
        (b"prompt,prompt,completion\na,b,c\n", "has the column 'prompt' twice"),
        (b"prompt,completion\n", "has no row"),
        ("prompt,completion\né,b\n".encode("cp1252"), "has bytes that are not UTF-8"),
        (b"id,prompt,completion\n1,a,b\n1,c,d\n", ":3 repeats the id '1' of"),
        (b"prompt,completion,label\na,b,True\nc,d,FALSE\n", ":2 has an answer with a label, as KTO takes"),
        (b"prompt,completion,label\na,b,1\nc,d,0\n", ":2 has an answer with a label, as KTO takes"),
    ],
)
def test_faults_of_a_table_are_one_sentence(tmp_path, content, said):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    assert said in refusal(path)


@pytest.mark.parametrize(
    "content, said",
    [
        ('[{"prompt": "a", "completion": "b"}, [1]]', "own.json: item 2 is a list; each item must be one JSON object"),
        ('[{"prompt": "a", "completion": "\\ud83d"}]', "item 1: completion holds half a character"),
        ('[{"prompt": "a", "completion": "b", "prompt": "c"}]', "has the key 'prompt' twice in one object"),
        ('[{"prompt": "a", "completion": ""}]', "own.json: item 1: completion is empty"),
        ('[{"prompt": "é",\n"completion": "b"}]', "own.json has bytes that are not UTF-8"),
        (
            '[{"prompt": "a", "completion": "b", "n": ' + "1" * 4301 + "}]",
            "is not JSON (an integer of too many digits)",
        ),
    ],
)
def test_faults_of_an_array_are_one_sentence(tmp_path, content, said):
    path = tmp_path / "own.json"
    path.write_text(content, encoding="latin-1")
    assert said in refusal(path)


def test_a_label_that_is_a_class_is_kept(tmp_path):
    made = [{"prompt": "a", "completion": "b", "label": label} for label in ("1", "2")]
    assert [row["label"] for row in rows.read_examples(write(tmp_path / "own.csv", made))] == ["1", "2"]
    pairs = [{**PAIR, "label": "1"}]
    assert rows.read_pairs(write(tmp_path / "own.csv", pairs))[0][0]["label"] == "1", "a pair says which is better"


def test_a_field_that_only_looks_like_json_stays_text(tmp_path):
    made = [{"prompt": "[1, 2]", "completion": "{}"}, {"prompt": "[sic", "completion": "3"}]
    assert kept(rows.read_examples(write(tmp_path / "own.csv", made))) == made


# --- data/convert.py --------------------------------------------------------------------------------


def run(*given):
    convert.main(convert.parse_args([str(one) for one in given]))


@pytest.mark.parametrize("name", ["self_instruct.jsonl", "hh_rlhf.jsonl"])
def test_real_rows_are_the_same_after_both_formats(tmp_path, name, capsys):
    read, keys = (rows.read_examples, ("prompt", "completion")) if name[0] == "s" else (
        lambda path: rows.read_pairs(path)[0],
        ("prompt", "chosen", "rejected"),
    )  # fmt: skip
    wanted = kept(read(CASES / name), keys)
    assert len(wanted) == (10 if name[0] == "s" else 6)
    run(CASES / name, tmp_path / "ours.jsonl")
    assert kept(files.read_jsonl(tmp_path / "ours.jsonl", ("id", *keys)), keys) == wanted
    assert (
        capsys.readouterr()
        .out.strip()
        .endswith(f"train/{'sft' if name[0] == 's' else 'dpo'}.py --data {tmp_path}/ours.jsonl")
    )
    if name[0] == "s":
        run(tmp_path / "ours.jsonl", tmp_path / "alpaca.json", "--to", "alpaca")
        assert set(json.loads((tmp_path / "alpaca.json").read_text())[0]) >= {"instruction", "input", "output"}
        assert kept(read(tmp_path / "alpaca.json"), keys) == wanted
    else:
        with pytest.raises(UserError, match="several turns, which Alpaca's format cannot hold"):
            run(tmp_path / "ours.jsonl", tmp_path / "alpaca.json", "--to", "alpaca")
        assert not (tmp_path / "alpaca.json").exists()


def test_other_names_are_renamed_and_unfit_rows_skipped_and_counted(tmp_path, capsys):
    path = write(tmp_path / "own.csv", [{"question": "a", "answer": "b"}, {"question": "c", "answer": ""}])
    names = ("--rename", "question=prompt", "answer=completion")
    with pytest.raises(UserError, match=r"own.csv:3: completion is empty"):
        run(path, tmp_path / "new.jsonl", *names)
    run(path, tmp_path / "new.jsonl", *names, "--skip")
    assert kept(files.read_jsonl(tmp_path / "new.jsonl")) == [{"prompt": "a", "completion": "b"}]
    assert "left out 1: completion is empty" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"--rename query=prompt: .*own.csv:2 lacks query; it has question, answer"):
        run(path, tmp_path / "new.jsonl", "--rename", "query=prompt")
    with pytest.raises(UserError, match=r"must end with \.jsonl"):
        run(path, tmp_path / "new.txt", *names)


@pytest.mark.parametrize(
    "names, said",
    [
        (["question=prompt", "query=prompt"], "--rename question=prompt: prompt comes twice"),
        (["question=prompt", "question=completion"], "--rename question=prompt: question comes twice"),
    ],
)
def test_a_name_that_comes_twice_is_refused(tmp_path, names, said):
    path = write(tmp_path / "own.jsonl", [{"question": "a", "query": "b", "answer": "c"}])
    with pytest.raises(UserError, match=said):
        run(path, tmp_path / "new.jsonl", "--rename", *names)
    assert not (tmp_path / "new.jsonl").exists()


def test_a_column_named_as_one_of_alpacas_does_not_take_its_place(tmp_path):
    path = write(tmp_path / "own.jsonl", [{**WANTED[0], "id": "r", "input": "I", "output": "O"}])
    with pytest.raises(UserError, match=r"the row r has input, output beside its prompt.* --rename input=NAME"):
        run(path, tmp_path / "new.jsonl", "--to", "alpaca")
    run(path, tmp_path / "new.jsonl", "--to", "alpaca", "--rename", "input=in", "output=out")
    read = rows.read_examples(tmp_path / "new.jsonl")
    assert read == [{"id": "r", **WANTED[0], "in": "I", "out": "O"}]


@pytest.mark.parametrize("more", [[], ["--skip"]])
def test_the_file_that_is_read_is_not_written_over(tmp_path, more):
    path = write(tmp_path / "own.jsonl", [WANTED[0], {"prompt": "a", "completion": ""}])
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"own.jsonl is the file that is read; name another one"):
        run(path, tmp_path / "." / "own.jsonl", *more)
    assert path.read_bytes() == before


def test_an_array_holds_no_nan(tmp_path):
    (tmp_path / "own.jsonl").write_text('{"prompt": "a", "completion": "b", "score": NaN}\n')
    run(tmp_path / "own.jsonl", tmp_path / "new.json")
    assert "NaN" not in (text := (tmp_path / "new.json").read_text()) and json.loads(text)[0]["score"] is None


def test_the_advice_keeps_the_passage_of_a_question(tmp_path):
    """As Dolly's own file has it."""
    row = {"instruction": "When?", "context": "It began in 2000.", "response": "In 2000.", "category": "closed_qa"}
    path = write(tmp_path / "dolly.jsonl", [row, row | {"context": ""}])
    given = refusal(path).partition("data/convert.py ")[2].rstrip(".").replace("NEW.jsonl", f"{tmp_path}/new.jsonl")
    run(*given.split())
    read = files.read_jsonl(tmp_path / "new.jsonl")
    assert [row["prompt"] for row in read] == ["When?\n\nIt began in 2000.", "When?"]
    assert read[0]["completion"] == "In 2000."


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_excerpts_train(tmp_path, tiny_base):
    """self-instruct's rows in Alpaca's format train SFT, and hh-rlhf's transcripts DPO."""
    cli.quiet()
    run(CASES / "self_instruct.jsonl", tmp_path / "alpaca.json", "--to", "alpaca")
    based = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--dtype", "float32", "--out", str(tmp_path)]
    based += ["--per_device_train_batch_size", "1", "--learning_rate", "1e-2", "--eval_rows", "4"]
    for script, data, count in ((sft, tmp_path / "alpaca.json", 10), (dpo, CASES / "hh_rlhf.jsonl", 6)):
        script.main(script.parse_args([*based, "--data", str(data)]))
        run_json = files.read_json(tmp_path / script.__name__.split(".")[1] / "run.json")
        metrics, counts = run_json["metrics"], run_json["counts"]
        assert counts.get("rows", counts.get("pairs", 0) + counts.get("held_out", 0)) == count
        assert metrics["steps"] >= 1 and metrics["perplexity_after"] != metrics["perplexity_before"]
