"""Training rows of anybody's files: what is read, what is refused in one sentence, and what is kept apart."""

import codecs
import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from common import chat, cli, files, rows
from common.cli import UserError
from train.dpo import split_pairs

CASES = Path(__file__).parent / "fixtures" / "rows"
GOOD = {"id": "a", "prompt": "How many?", "completion": "Two."}
PAIR = {"prompt": "How many?", "chosen": "Two.", "rejected": "Three."}
ASKED, ANSWERED = {"role": "user", "content": "How many?"}, {"role": "assistant", "content": "Two."}
OTHER = {"role": "assistant", "content": "Three."}


def write(tmp_path, *lines):
    """A file of these lines: objects, or text as it is."""
    path = tmp_path / "own.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_bytes("\n".join(texts).encode() + b"\n")
    return path


def refusal(read, path):
    """The one sentence that refuses a file."""
    with pytest.raises(UserError) as caught:
        read(path)
    said = str(caught.value)
    assert "\n" not in said and path.name in said
    return said


def plain(path):
    """The lines of a file that has no fault."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8-sig").splitlines()]


# --- one file as another ----------------------------------------------------------------------------


def test_a_marked_file_is_read_like_the_same_without(tmp_path):
    marked = CASES / "notepad.jsonl"
    assert marked.read_bytes().startswith(codecs.BOM_UTF8)
    read = rows.read_examples(marked)
    assert read == plain(marked) and len(read) == 6
    joined = tmp_path / "joined.jsonl"  # two marked files, one after the other: a mark in the middle
    second = [{**row, "id": row["id"] + "x"} for row in read]
    more = "".join(json.dumps(row) + "\r\n" for row in second).encode()
    joined.write_bytes(marked.read_bytes() + b"\n" + codecs.BOM_UTF8 + more)
    assert rows.read_examples(joined) == read + second
    packed = tmp_path / "own.jsonl.gz"
    packed.write_bytes(gzip.compress(marked.read_bytes()))
    assert rows.read_examples(packed) == read
    packed.write_bytes(packed.read_bytes()[:-9])
    assert "cannot be unpacked" in refusal(rows.read_examples, packed)


@pytest.mark.parametrize("name", ["sft_messages.jsonl", "dpo_messages.jsonl"])
def test_messages_are_read_like_the_same_texts(name):
    path = CASES / name
    read = rows.read_examples(path) if name.startswith("sft") else rows.read_pairs(path)[0]
    keys = ("prompt", "completion") if name.startswith("sft") else ("prompt", "chosen", "rejected")
    assert len(read) == 6
    for row, raw in zip(read, plain(path), strict=True):
        assert [row[key] for key in keys] == [raw[key][0]["content"] for key in keys] and row["id"] == raw["id"]


def test_a_conversation_trains_each_answer_of_the_assistant(tmp_path):
    again = [{"role": "user", "content": "And now?"}, {"role": "assistant", "content": "Five."}]
    system = {"role": "system", "content": "Count."}
    path = write(tmp_path, {"messages": [ASKED, ANSWERED]}, {"id": 7, "messages": [system, ASKED, ANSWERED, *again]})
    assert rows.read_examples(path) == [
        {"id": "line-1", "prompt": "How many?", "completion": "Two."},
        {"id": "7#1", "prompt": [system, ASKED], "completion": "Two."},
        {"id": "7#2", "prompt": [system, ASKED, ANSWERED, again[0]], "completion": "Five."},
    ]
    old = {"conversations": [{"from": "user", "value": "How many?"}, {"from": "assistant", "value": "Two."}]}
    assert rows.read_examples(write(tmp_path, old)) == rows.read_examples(
        write(tmp_path, {"messages": [ASKED, ANSWERED]})
    )


def test_a_pair_without_prompt_has_what_both_conversations_begin_with(tmp_path):
    whole = {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, OTHER]}
    for given in ({}, {"prompt": "How many?"}, {"prompt": [ASKED]}):
        read, same = rows.read_pairs(write(tmp_path, {**given, **whole}))
        assert read == [{"id": "line-1", **PAIR}] and same == 0
    said = refusal(rows.read_pairs, write(tmp_path, {"prompt": "Another?", **whole}))
    assert "own.jsonl:1: prompt is not what chosen and rejected begin with" in said


def test_trl_reads_the_same_tokens(tmp_path, tiny_base):
    """Our rows of a conversational file against the file's own rows, both prepared by TRL's own functions."""
    from transformers import AutoTokenizer
    from trl.data_utils import extract_prompt, maybe_apply_chat_template

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    system = {"role": "system", "content": "Count."}
    again = {"role": "user", "content": "And now?"}
    lines = [
        {"prompt": [system, ASKED], "completion": [ANSWERED]},
        {"prompt": [system, ASKED, OTHER, again], "completion": [ANSWERED]},
    ]
    ours = chat.training_rows(rows.read_examples(write(tmp_path, *lines)), "Another system text.", ("completion",))
    for mine, theirs in zip(ours, lines, strict=True):
        assert maybe_apply_chat_template(mine, tokenizer) == maybe_apply_chat_template(theirs, tokenizer)
    pair = {"chosen": [system, ASKED, ANSWERED], "rejected": [system, ASKED, OTHER]}
    read = rows.read_pairs(write(tmp_path, pair))[0]
    mine = chat.training_rows(read, "Another system text.", ("chosen", "rejected"))[0]
    assert maybe_apply_chat_template(mine, tokenizer) == maybe_apply_chat_template(extract_prompt(pair), tokenizer)


def test_a_prompt_of_messages_gets_the_domains_system_text_where_it_has_none():
    assert chat.messages([ASKED, ANSWERED, ASKED], "S")[0] == {"role": "system", "content": "S"}
    assert chat.messages([{"role": "system", "content": ""}, ASKED], "S")[0]["content"] == ""
    assert chat.messages([ASKED], "S") == chat.messages("How many?", "S")


# --- one sentence for each fault --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, said",
    [
        ("completion_null.jsonl", ":4: completion is null; it must be text"),
        ("prompt_null.jsonl", ":3: prompt is null"),
        ("empty.jsonl", ":2: completion is empty"),
        ("cut_emoji.jsonl", ":2: completion holds half a character"),
    ],
)
def test_a_field_without_text_is_named(name, said):
    assert f"{name}{said}" in refusal(rows.read_examples, CASES / name)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"completion": 3}, ":2: completion is a number"),
        ({"completion": True}, ":2: completion is true or false"),
        ({"completion": {}}, ":2: completion is an object"),
        ({"completion": " \n"}, ":2: completion is empty"),
        ({"completion": []}, ":2: completion is an empty list"),
        ({"completion": ["Two."]}, ":2: completion[0] is text; a message has role and content"),
        ({"completion": [{**ANSWERED, "content": None}]}, ":2: completion[0].content is null"),
        ({"completion": [{**ANSWERED, "content": [{"type": "text"}]}]}, ":2: completion[0].content is a list"),
        ({"completion": [{**ANSWERED, "role": "tool"}]}, ":2: completion[0].role is 'tool'"),
        ({"completion": [{**ANSWERED, "tool_calls": [1]}]}, ":2: completion[0] has tool_calls"),
        ({"completion": [ASKED]}, ":2: completion has 1 messages (user)"),
        ({"completion": [ANSWERED, ASKED, ANSWERED]}, ":2: completion has 3 messages"),
        ({"prompt": [ASKED, ANSWERED]}, ":2: prompt ends with a message of the assistant"),
        ({"prompt": [ASKED, {"role": "system", "content": "x"}]}, ":2: prompt[1].role is 'system'"),
        ({"prompt": [{"role": "user", "content": "\ud83d"}]}, ":2: prompt[0].content holds half a character"),
        ({"note": {"\udc00": 1}}, ":2: a key holds half a character"),
        ({"tools": [{"name": "f"}]}, ":2 has tools, which cannot be trained on here"),
        ({"id": ["b"]}, ":2: id is a list"),
        ({"id": "a"}, ":2 repeats the id 'a' of line 1"),
    ],
)
def test_other_faults_are_named_by_line_and_field(tmp_path, change, said):
    path = write(tmp_path, GOOD, {**GOOD, "id": "b", **change})
    assert said in refusal(rows.read_examples, path)


@pytest.mark.parametrize(
    "line, said",
    [
        ({"prompt": "x"}, "lacks completion; "),
        ({"text": "x"}, "lacks prompt, completion; "),
        ('{"prompt": "x", "completion": "y", "prompt": "z"}', "has the key 'prompt' twice"),
        ("[1, 2]", "is a list; each line must be one JSON object"),
        ("null", "is null; each line must be one JSON object"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_lines_of_another_shape_are_named(tmp_path, line, said):
    assert f"own.jsonl:2 {said}" in refusal(rows.read_examples, write(tmp_path, GOOD, line))


@pytest.mark.parametrize(
    "line, said",
    [
        ([ASKED], "messages must end with a message of the assistant"),
        ([ANSWERED], "messages[0] is of the assistant and does not follow a message of the user"),
        ([ASKED, ANSWERED, OTHER], "messages[2] is of the assistant"),
        ("hi", "messages is text; it must be a list of messages"),
    ],
)
def test_conversations_of_another_shape_are_named(tmp_path, line, said):
    path = write(tmp_path, {"messages": [ASKED, ANSWERED]}, {"messages": line})
    assert f"own.jsonl:2: {said}" in refusal(rows.read_examples, path)


def test_ids_are_not_needed(tmp_path):
    path = write(tmp_path, {"prompt": "x", "completion": "y"}, {"id": None, "prompt": "x", "completion": "y"})
    assert [row["id"] for row in rows.read_examples(path)] == ["line-1", "line-2"]


# --- files of another form --------------------------------------------------------------------------

LINES = [{**GOOD, "id": i} for i in range(3)]
JSONL = "".join(json.dumps(row) + "\n" for row in LINES)


@pytest.mark.parametrize(
    "content, form",
    [
        (json.dumps({"rows": LINES}, indent=1).encode(), "one JSON object over several lines"),
        (JSONL.encode("utf-16"), "UTF-16"),
        (JSONL.encode("utf-16-le"), "UTF-16"),
        (JSONL.encode("utf-16-be"), "UTF-16"),
        (JSONL.encode("utf-32"), "UTF-32"),
        (b"Some notes\nof a person\n", "text of another form"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive or a spreadsheet"),
        (b"\x01\x02\x00\x03\x00\x00\x07", "no text"),
    ],
)
@pytest.mark.parametrize("read", [rows.read_examples, rows.read_pairs, files.read_jsonl])
def test_a_file_of_another_form_is_told_so_as_a_whole(tmp_path, content, form, read):
    path = tmp_path / "own.jsonl"
    path.write_bytes(content)
    said = refusal(read, path)
    assert f"own.jsonl is {form}" in said and "own.jsonl:" not in said and "one JSON object a line" in said


@pytest.mark.parametrize(
    "content, form",
    [
        (json.dumps(LINES).encode(), "one JSON array"),
        (codecs.BOM_UTF8 + json.dumps(LINES, indent=1).encode(), "one JSON array"),
        (b"id,prompt,completion\n0,How many?,Two.\n1,How many?,Two.\n2,How many?,Two.\n", "a table such as CSV"),
        (b'"id";"prompt";"completion"\n0;"How many?";Two.\n1;"How many?";Two.\n\n2;How many?;Two.', "a table such"),
        (b"id\tprompt\tcompletion\r\n" + b"".join(b"%d\tHow many?\tTwo.\r\n" % i for i in range(3)), "a table such"),
    ],
)
def test_tables_and_arrays_are_read_as_training_rows_and_never_as_a_product(tmp_path, content, form):
    path = tmp_path / "own.any"
    for data in (content, gzip.compress(content)):
        path.write_bytes(data)
        read = rows.read_examples(path)
        assert [{**row, "id": int(row["id"])} for row in read] == LINES
        assert f"own.any is {form}" in refusal(files.read_jsonl, path)


def test_one_bad_first_line_is_not_the_whole_file(tmp_path):
    assert "own.jsonl:1 is not JSON" in refusal(rows.read_examples, write(tmp_path, "id, prompt", GOOD))
    assert "own.jsonl:1 is not JSON" in refusal(rows.read_examples, write(tmp_path, "[" + json.dumps(GOOD), GOOD))
    assert "is a folder" in refusal(rows.read_examples, tmp_path)


def test_parquet_as_it_is_written(tmp_path):
    import datetime

    from datasets import Dataset

    path = tmp_path / "own.parquet"
    told = [{"day": datetime.date(2026, 1, 2), "messages": [ASKED, ANSWERED]}]
    for made, wanted in ((LINES, LINES), (told, [{"id": "row-1", "day": "2026-01-02", "prompt": "How many?"}])):
        Dataset.from_list(made).to_parquet(path)
        read = rows.read_examples(path)
        assert [{key: row[key] for key in want} for row, want in zip(read, wanted, strict=True)] == wanted
        assert all(row["completion"] == "Two." for row in read)
    assert "own.parquet is Parquet" in refusal(files.read_jsonl, path)
    whole = path.read_bytes()
    for damaged in (whole[:40], whole[:-40] + b"\xff" * 32 + whole[-8:]):  # cut off, and the end of its footer
        path.write_bytes(damaged)
        assert "own.parquet is Parquet that cannot be read" in refusal(rows.read_examples, path)


@pytest.mark.parametrize("before", ["", " \r\n\n"])
def test_a_table_whose_first_column_has_no_name(tmp_path, before):
    """As pandas writes one with its index."""
    path = tmp_path / "own.tsv"
    path.write_text(f"{before}\tprompt\tcompletion\n0\tHow many?\tTwo.\n", newline="")
    (row,) = rows.read_examples(path)
    assert (row[""], row["prompt"], row["completion"]) == ("0", "How many?", "Two.")


# --- pairs ------------------------------------------------------------------------------------------


def test_pairs_of_one_answer_are_left_out_and_counted(tmp_path):
    read, same = rows.read_pairs(CASES / "half.jsonl")
    assert same == 12 and len(read) == 12 and all(row["chosen"] != row["rejected"] for row in read)
    assert "the same in all 24 pairs" in refusal(rows.read_pairs, CASES / "same.jsonl")
    blank = {**PAIR, "rejected": "Two. \n"}
    told = {"prompt": [ASKED], "chosen": [ANSWERED], "rejected": "Two."}
    assert rows.read_pairs(write(tmp_path, PAIR, blank, told))[1] == 2


@pytest.mark.parametrize("name", ["no_schema", "some_schemas_null", "ids_of_two_types", "half"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_no_prompt_is_on_both_sides(name, share):
    read, _ = rows.read_pairs(CASES / f"{name}.jsonl")
    training, held = split_pairs(read, share)
    assert training and held and Counter(map(str, training + held)) == Counter(map(str, read))
    assert {row["prompt"] for row in training} & {row["prompt"] for row in held} == set()
    if name == "some_schemas_null":
        sides = [{row["schema_id"] for row in side} - {None} for side in (training, held)]
        assert sides[0] & sides[1] == set()
    shuffled = random.Random(1).sample(read, len(read))
    assert {row["id"] for row in split_pairs(shuffled, share)[1]} == {row["id"] for row in held}


def test_the_repositorys_own_files_are_read_whole():
    for name, read in (("sft", rows.read_examples), ("dpo", lambda path: rows.read_pairs(path)[0])):
        path = cli.ROOT / f"data/{name}.jsonl"
        assert len(read(path)) == len(path.read_text(encoding="utf-8").splitlines()) > 2000


def test_groups_are_linked_by_prompt_and_cluster():
    made = [
        {"prompt": "p", "schema_id": "s"},
        {"prompt": "q", "schema_id": "s"},
        {"prompt": "q", "cluster": 3},
        {"prompt": "r", "cluster": 3, "schema_id": None},
        {"prompt": [ASKED]},
        {"prompt": [dict(ASKED)], "schema_id": 5},
        {"prompt": "t", "schema_id": "5"},
    ]
    groups = rows.group_pairs(made)
    assert [groups.index(group) for group in groups] == [0, 0, 0, 0, 4, 4, 6]
    assert rows.group_pairs(made[::-1]) == groups[::-1]
    assert len(set(rows.group_pairs(made, by=()))) == 5
