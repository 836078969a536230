"""Public data sets: each converter on rows of its documented schema, two on real excerpts, a Hub on this machine."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common import files, rows
from common.cli import ROOT, UserError
from data import import_public
from data.public import SOURCES

CASES = Path(__file__).parent / "fixtures" / "rows"
ALPACA = [
    {"instruction": "Add.", "input": "2 and 3", "output": "5"},
    {"instruction": "Say a word.", "input": "", "output": "Tree"},
    {"instruction": "Say nothing.", "input": "", "output": ""},
]
ALPACA_MADE = [{"prompt": "Add.\n\n2 and 3", "completion": "5"}, {"prompt": "Say a word.", "completion": "Tree"}]


def said(role, text):
    return {"role": role, "content": text}


def message(name, parent, role, text, rank=None, **more):
    """A message of oasst1, with its card's keys."""
    return {
        "message_id": name, "parent_id": parent, "user_id": "u", "text": text, "role": role, "lang": "en",
        "review_result": True, "deleted": False, "rank": rank, "synthetic": False, "message_tree_id": name[0], **more,
    }  # fmt: skip


OASST = [
    message("a", None, "prompter", "Hi"),
    message("a2", "a", "assistant", "Worse", 2),
    message("a0", "a", "assistant", "Best", 0),
    message("a1", "a", "assistant", "Middle", 1),
    message("a3", "a", "assistant", "Deleted", 3, deleted=True),
    message("a4", "a", "assistant", "Failed", 4, review_result=False),
    message("a00", "a0", "prompter", "More?"),
    message("a000", "a00", "assistant", "Yes", None),
    message("a001", "a00", "assistant", "Nobody ranked this", None),
    message("b", None, "prompter", "Hallo", lang="de"),
    message("b0", "b", "assistant", "Guten Tag", None, lang="de"),
    message("c", None, "prompter", "Nobody answers"),
]
GRADES = {"correctness": 3, "coherence": 4, "complexity": 1, "verbosity": 1}
MULTI = "Hi\n\n<extra_id_1>Assistant\nHo\n\n<extra_id_1>User\nAnd now?"
# Of each source rows as its card or data sheet describes them, and what must come of them.
SCHEMAS = {
    "dolly-15k": (
        [
            {"instruction": "Who?", "context": "Ann sings.", "response": "Ann", "category": "closed_qa"},
            {"instruction": "Why?", "context": "", "response": "So.", "category": "open_qa"},
        ],
        {"sft": [{"prompt": "Who?\n\nAnn sings.", "completion": "Ann", "category": "closed_qa"},
                 {"prompt": "Why?", "completion": "So.", "category": "open_qa"}]},
        0,
    ),
    "oasst1": (
        OASST,
        {"sft": [{"prompt": "Hi", "completion": "Best"}, {"prompt": [said("user", "Hi"), said("assistant", "Best"),
                  said("user", "More?")], "completion": "Yes"}, {"prompt": "Hallo", "completion": "Guten Tag"}],
         "dpo": [{"prompt": "Hi", "chosen": "Best", "rejected": "Worse", "cluster": "a"}]},
        0,
    ),
    "alpaca-cleaned": (ALPACA, {"sft": ALPACA_MADE}, 1),
    "alpaca-gpt4": ([{**row, "text": "Below is ..."} for row in ALPACA], {"sft": ALPACA_MADE}, 1),
    "code_alpaca": (ALPACA, {"sft": ALPACA_MADE}, 1),
    "HelpSteer2": (
        [
            {"prompt": "c#", "response": "Short", "helpfulness": 2, **GRADES},
            {"prompt": "c#", "response": "Right", "helpfulness": 4, **GRADES},
            {"prompt": MULTI, "response": "A", "helpfulness": 3, **GRADES},
            {"prompt": MULTI, "response": "B", "helpfulness": 1, **GRADES},
            {"prompt": "same", "response": "A", "helpfulness": 3, **GRADES},
            {"prompt": "same", "response": "B", "helpfulness": 3, **GRADES},
            {"prompt": "alone", "response": "A", "helpfulness": 3, **GRADES},
        ],
        {"dpo": [{"prompt": "c#", "chosen": "Right", "rejected": "Short", "score_chosen": 4, "score_rejected": 2},
                 {"prompt": [said("user", "Hi"), said("assistant", "Ho"), said("user", "And now?")], "chosen": "A",
                  "rejected": "B"}]},
        2,
    ),
    "hh-rlhf": (
        [
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Ho", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Ho", "rejected": "\n\nHuman: Hi\n\nAssistant:"},
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Ho", "rejected": "\n\nHuman: Hi\n\nAssistant: Ho"},
        ],
        {"dpo": [{"prompt": "Hi", "chosen": "Ho", "rejected": "No"}]},
        2,
    ),
    "orca_dpo_pairs": (
        [
            {"system": "", "question": "Why?", "chosen": "So.", "rejected": "No."},
            {"system": "Be kind.", "question": "Why?", "chosen": "So.", "rejected": "No."},
        ],
        {"dpo": [{"prompt": "Why?", "chosen": "So.", "rejected": "No."},
                 {"prompt": [said("system", "Be kind."), said("user", "Why?")], "chosen": "So.", "rejected": "No."}]},
        0,
    ),
    "ultrafeedback_binarized": (
        [
            {"prompt": "Why?", "prompt_id": "x", "chosen": [said("user", "Why?"), said("assistant", "So.")],
             "rejected": [said("user", "Why?"), said("assistant", "No.")], "messages": [], "score_chosen": 8.5,
             "score_rejected": 7.0},
            {"prompt": "Equal?", "prompt_id": "y", "chosen": [said("user", "Equal?"), said("assistant", "A")],
             "rejected": [said("user", "Equal?"), said("assistant", "B")], "messages": [], "score_chosen": 8.0,
             "score_rejected": 8.0},
        ],
        {"dpo": [{"prompt": "Why?", "chosen": "So.", "rejected": "No.", "score_chosen": 8.5}]},
        1,
    ),
}  # fmt: skip


def run(*given):
    import_public.main(import_public.parse_args([str(one) for one in given]))


def test_every_source_is_tested_and_its_facts_are_whole():
    assert set(SCHEMAS) == set(SOURCES)
    for name, one in SOURCES.items():
        assert one.seen.startswith("https://") and one.schema.startswith("https://") and one.note and one.files, name
        for raw in SCHEMAS[name][0]:
            assert set(one.keys) <= set(raw), name
    assert "nc" not in "".join(one.licence for one in SOURCES.values() if one.commercial)


@pytest.mark.parametrize("name", SCHEMAS)
def test_rows_of_the_documented_schema_become_ours(tmp_path, name, capsys):
    raw, wanted, unfit = SCHEMAS[name]
    source = tmp_path / "source.jsonl"
    files.write_jsonl(source, raw)
    run(f"{name}:{source}", "--out", tmp_path / "out")
    about = {"source": SOURCES[name].hub, "licence": SOURCES[name].licence}
    assert {path.stem for path in tmp_path.glob("out/*.jsonl")} == set(wanted)
    for kind, want in wanted.items():
        path = tmp_path / "out" / f"{kind}.jsonl"
        made = rows.read_examples(path) if kind == "sft" else rows.read_pairs(path)[0]
        assert len(made) == len(want)
        for got, expected in zip(made, want, strict=True):
            assert {**got, **expected, **about} == got and got["id"].startswith(f"{name}-")
    report = files.read_json(tmp_path / "out/report.json")[name]
    assert sum(report["left_out"].values()) == unfit and report["licence"] == SOURCES[name].licence
    assert SOURCES[name].licence in capsys.readouterr().out


def test_what_gives_no_pair_is_counted_by_reason():
    count = {
        name: import_public.convert(name, SCHEMAS[name][0])[1] for name in ("HelpSteer2", "ultrafeedback_binarized")
    }
    equal = "both answers have one score"
    assert count == {"HelpSteer2": {equal: 1, "one answer only": 1}, "ultrafeedback_binarized": {equal: 1}}


def test_files_of_one_name_have_a_hash_each(tmp_path, monkeypatch):
    """hh-rlhf's are all called train.jsonl.gz."""
    paths = [tmp_path / name for name in SOURCES["hh-rlhf"].files]
    for i, path in enumerate(paths):
        turns = {side: f"\n\nHuman: {i}\n\nAssistant: {side}" for side in ("chosen", "rejected")}
        path.parent.mkdir()
        path.write_bytes(gzip.compress(json.dumps(turns).encode()))
    monkeypatch.setattr(import_public, "fetch", lambda name: (paths, "c0ffee"))
    run("hh-rlhf", "--out", tmp_path / "out")
    hashes = files.read_json(tmp_path / "out/report.json")["hh-rlhf"]["sha256"]
    assert hashes == {name: files.sha256(tmp_path / name) for name in SOURCES["hh-rlhf"].files}
    run(f"hh-rlhf:{paths[0]}", "--out", tmp_path / "out")
    hashes = files.read_json(tmp_path / "out/report.json")["hh-rlhf"]["sha256"]
    assert hashes == {"train.jsonl.gz": files.sha256(paths[0])}


def test_real_excerpts_and_what_check_says(tmp_path, capsys):
    run(f"hh-rlhf:{CASES / 'hh_rlhf.jsonl'}", "--out", tmp_path)
    assert len(rows.read_pairs(tmp_path / "dpo.jsonl")[0]) == 6
    from data import convert

    alpaca = tmp_path / "alpaca.json"
    convert.main(convert.parse_args([str(CASES / "self_instruct.jsonl"), str(alpaca), "--to", "alpaca"]))
    capsys.readouterr()
    run("--check", f"alpaca-cleaned:{alpaca}", f"hh-rlhf:{CASES / 'hh_rlhf.jsonl'}")
    told = capsys.readouterr().out
    assert f"SHA-256 {hashlib.sha256(alpaca.read_bytes()).hexdigest()} is not among those known here" in told
    assert "alpaca-cleaned: 10 rows, each with instruction, input, output; documented are an unknown number" in told
    assert "hh-rlhf: usable: 6 for dpo" in told and list(tmp_path.glob("sft.jsonl")) == []


def test_check_knows_an_original(tmp_path, capsys, monkeypatch):
    source = tmp_path / "source.jsonl"
    files.write_jsonl(source, SCHEMAS["hh-rlhf"][0])
    monkeypatch.setitem(SOURCES["hh-rlhf"].hashes, files.sha256(source), "the file of the test")
    run("--check", f"hh-rlhf:{source}")
    told = capsys.readouterr().out
    assert "byte for byte the file of the test" in told and "left out 1: chosen and rejected are the same" in told


def test_caps_and_weights(tmp_path, capsys):
    source = tmp_path / "source.jsonl"
    files.write_jsonl(source, [{"instruction": f"Say {i}.", "input": "", "output": str(i)} for i in range(40)])
    other = tmp_path / "other.jsonl"
    files.write_jsonl(other, SCHEMAS["dolly-15k"][0])
    named = (f"code_alpaca:{source}", f"dolly-15k:{other}")
    run(*named, "--cap", "code_alpaca=20", "--weight", "code_alpaca=1.5", "dolly-15k=3", "--out", tmp_path / "out")
    made = rows.read_examples(tmp_path / "out/sft.jsonl")
    assert len({row["id"] for row in made}) == len(made) == 36
    code = [row["prompt"] for row in made if row["source"] == SOURCES["code_alpaca"].hub]
    assert len(code) == 30 and len(set(code)) == 20
    assert files.read_json(tmp_path / "out/report.json")["code_alpaca"]["taken"] == {"sft": 30}
    before = (tmp_path / "out/sft.jsonl").read_bytes()
    run(*named, "--cap", "code_alpaca=20", "--weight", "code_alpaca=1.5", "dolly-15k=3", "--out", tmp_path / "out")
    assert before == (tmp_path / "out/sft.jsonl").read_bytes()
    files.write_jsonl(other, OASST)
    run(f"oasst1:{other}", "--language", "de", "--out", tmp_path / "german")
    assert [row["completion"] for row in rows.read_examples(tmp_path / "german/sft.jsonl")] == ["Guten Tag"]


@pytest.mark.parametrize(
    "given, said",
    [
        (["dolly"], r"no source 'dolly' \(did you mean dolly-15k\?\)"),
        ([], "no source is named; there is dolly-15k, oasst1"),
        (["dolly-15k", "dolly-15k:x"], "named twice"),
        (
            ["dolly-15k:x", "--cap", "oasst1=3"],
            "--cap takes NAME=NUMBER of a source that is named, above 0, not oasst1",
        ),
        (["dolly-15k:x", "--weight", "dolly-15k=0"], "--weight takes NAME=NUMBER"),
        (["dolly-15k:x", "--cap", "dolly-15k=many"], "--cap takes NAME=NUMBER"),
        (["alpaca-gpt4:x", "--use", "commercial"], "alpaca-gpt4 may not be used commercially: its card says cc-by-nc"),
        (["alpaca-cleaned:x", "--use", "commercial"], "tatsu-lab/alpaca, whose card says cc-by-nc-4.0"),
        (["dolly-15k:nowhere.jsonl"], "nowhere.jsonl is not there yet"),
        ([f"dolly-15k:{CASES / 'hh_rlhf.jsonl'}"], "hh_rlhf.jsonl:1 lacks instruction, context, response, category"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(tmp_path, given, said):
    with pytest.raises(UserError, match=said):
        run(*given, "--out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_list_says_what_is_known_and_what_is_not(capsys):
    run("--list")
    told = capsys.readouterr().out
    for name, one in SOURCES.items():
        assert f"{name}: {one.hub}" in told and f"licence {one.licence} (read 20" in told
    assert "rows: unknown" in told and "commercial use: not allowed" in told


@pytest.fixture
def hub(tmp_path):
    """A server that gives one file of the Hub, and refuses others: (address, the file's bytes)."""
    content = "".join(json.dumps(row) + "\n" for row in SCHEMAS["dolly-15k"][0]).encode()
    asked = "/datasets/databricks/databricks-dolly-15k/resolve/main/databricks-dolly-15k.jsonl"

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self, body=b""):
            known = self.path == asked or self.path.replace("c0ffee", "main").endswith(asked)
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(content) if known else 0))
            if known:
                self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", "c0ffee" + "0" * 34)
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            self.wfile.write(body if known else b"")

        def do_GET(self):
            self.do_HEAD(content)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", content
    server.shutdown()


def test_originals_come_from_the_hub(tmp_path, hub):
    """The real client against a local server; what the server has not is one sentence."""
    address, content = hub
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    script = [sys.executable, str(ROOT / "data/import_public.py"), "--out", str(tmp_path / "out")]
    done = subprocess.run([*script, "dolly-15k"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(rows.read_examples(tmp_path / "out/sft.jsonl")) == 2
    report = files.read_json(tmp_path / "out/report.json")["dolly-15k"]
    assert report["origin"] == f"databricks/databricks-dolly-15k at c0ffee{'0' * 34}"
    assert report["sha256"] == {"databricks-dolly-15k.jsonl": hashlib.sha256(content).hexdigest()}
    done = subprocess.run([*script, "code_alpaca"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "code_alpaca_20k.json of sahil2801/CodeAlpaca-20k cannot be fetched" in done.stderr
    assert "say code_alpaca:FILE" in done.stderr


def test_packed_files_and_arrays_are_read(tmp_path):
    packed = tmp_path / "code.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(ALPACA).encode()))
    run(f"code_alpaca:{packed}", "--out", tmp_path / "out")
    assert len(rows.read_examples(tmp_path / "out/sft.jsonl")) == 2


@pytest.mark.parametrize(
    "change, said",
    [
        ({"helpfulness": None}, "helpfulness is null; it must be a number"),
        ({"helpfulness": "4"}, "helpfulness is text; it must be a number"),
        ({"prompt": None}, "prompt is null; it must be text"),
        ({"prompt": ["c#"]}, "prompt is a list; it must be text"),
    ],
)
def test_a_field_that_is_compared_or_split_is_refused_by_line(tmp_path, change, said):
    row = {"prompt": "c#", "response": "Right", "helpfulness": 4, **GRADES}
    path = tmp_path / "train.jsonl"
    files.write_jsonl(path, [row, {**row, **change}])
    with pytest.raises(UserError) as caught:
        import_public.main(import_public.parse_args([f"HelpSteer2:{path}", "--out", str(tmp_path / "out")]))
    assert f"train.jsonl:2: {said}" in str(caught.value)


def test_its_products_are_the_repositorys_wherever_it_is_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert import_public.parse_args(["--list"]).out == str(ROOT / "out/public")
