"""eval/look.py: the page in a real browser, with text in it that would break a page that trusts it."""

import html
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from common import cli, files
from common.domain import load_domain
from eval import look, report
from eval.plots import NAMES
from tests.test_report import ITEMS, out  # noqa: F401  (a folder with every result file)

HOSTILE = (
    "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\"> & <!-- "
    "__SCRIPT__ __DATA__ \u2028 ' \" ` ${1} \\u003c"
)
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def items():
    """Five items of two kinds: who won, verdicts that differ, hostile text everywhere."""

    def three(*verdicts, text="SELECT a FROM b"):
        return {name: {"text": f"{text} {name}", "correct": verdict, "reason": "ok" if verdict else "wrong_result",
                       "ran": "a | b\n1 | 2"} for name, verdict in zip(NAMES, verdicts, strict=True)}  # fmt: skip

    def won(score):
        return {"dpo_vs_sft": score, "dpo_vs_base": 1.0, "sft_vs_base": 0.5}

    row = {"id": "i", "category": "count", "prompt": "How many?"}
    return [
        look.item({**row, "id": "one"}, three(False, True, True), won(0.5), "SELECT 1", "1"),
        look.item({**row, "id": "two"}, three(False, False, True), won(1.0)),
        look.item({**row, "id": "three", "category": "join"}, three(True, True, True), won(0.5)),
        look.item({**row, "id": HOSTILE, "category": HOSTILE, "prompt": HOSTILE},
                  three(None, None, None, text=HOSTILE), won(None), HOSTILE, HOSTILE),
        look.item({**row, "id": "five", "prompt": "Which Needle?"}, three(False, True, False), won(0.0)),
    ]  # fmt: skip


# Pressed by the page's own controls, then written down where --dump-dom can see it.
STEPS = """
const told = {};
const ids = () => [...document.querySelectorAll("article header b")].map((one) => one.textContent);
const set = (id, value) => { const one = document.getElementById(id);
  if (one.type === "checkbox") one.checked = value; else one.value = value; one.dispatchEvent(new Event("input")); };
told.all = ids(); told.title = document.title; told.images = document.images.length;
told.scripts = document.scripts.length; told.hostile = document.querySelectorAll("article")[3].textContent;
set("search", "nEEdle"); told.search = ids(); set("search", "");
set("kind", "join"); told.kind = ids(); set("kind", "");
set("outcome", "1"); told.won = ids(); set("outcome", "0"); told.lost = ids();
set("pair", "dpo_vs_base"); set("outcome", "1"); told.otherPair = ids();
set("outcome", ""); set("pair", "dpo_vs_sft");
set("disagree", true); told.disagree = ids(); set("disagree", false);
set("diff", true);
const changes = document.querySelector("article").querySelectorAll("ins, del");
told.diff = [...changes].map((one) => one.tagName + " " + one.textContent);
told.same = [...document.querySelectorAll("article")].map((one) => one.querySelectorAll("pre.answer")[2].textContent);
told.ran = document.querySelectorAll("article .three .ran").length;
told.count = document.getElementById("count").textContent;
const box = document.createElement("pre"); box.id = "told"; box.textContent = JSON.stringify(told);
document.body.append(box);
"""


def browse(path, *flags, seconds=100):
    """What headless Chromium prints for a page; one file, no network, a profile of its own."""
    own = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=5000"]
    command = [BROWSER, *own, f"--user-data-dir={path.parent / 'profile'}", *flags, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds).stdout


@pytest.mark.slow
@pytest.mark.skipif(
    BROWSER is None, reason="needs Chromium (Debian: apt-get install chromium): NOT LOOKED AT in a browser"
)
def test_search_filters_and_diff_work_in_a_browser_and_hostile_text_stays_text(tmp_path, monkeypatch):
    read = look.Path.read_text
    monkeypatch.setattr(  # the steps are part of the script, so that the page's own policy lets them run
        look.Path, "read_text", lambda self, **more: read(self, **more) + (STEPS if self.name == "look.js" else "")
    )
    (tmp_path / "index.html").write_text(look.page(items()), encoding="utf-8")
    dump = browse(tmp_path / "index.html", "--dump-dom")
    told = json.loads(html.unescape(dump.split('<pre id="told">')[1].split("</pre>")[0]))
    assert told["all"] == ["one", "two", "three", HOSTILE, "five"] and told["title"] == "Answers side by side"
    assert told["images"] == 0 and told["scripts"] == 2 and told["hostile"].count(HOSTILE) == 8
    assert told["search"] == ["five"] and told["kind"] == ["three"]
    assert told["won"] == ["two"] and told["lost"] == ["five"]
    assert told["otherPair"] == ["one", "two", "three", HOSTILE, "five"] and told["disagree"] == ["one", "two", "five"]
    assert told["diff"] == ["DEL sft", "INS dpo"] and told["ran"] == 15 and told["count"] == "5 of 5 items"
    assert told["same"][0] == "SELECT a FROM b sftdpo"


def test_the_page_needs_nothing_from_elsewhere_and_its_data_end_no_element():
    text = look.page(items())
    assert not [mark for mark in ("http://", "https://", 'src="', "href=", "@import", "url(") if mark in text]
    assert "default-src 'none'" in text and text.count("</script>") == 2 and text.count("<script") == 2
    data = text.split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["items"] == items() and not set("<>&\u2028") & set(data)


def test_all_items_of_a_run_are_shown_with_verdicts_and_who_won(out, monkeypatch):  # noqa: F811
    rows = {name: {"id": name, "category": kind, "prompt": f"table\n\nQuestion: {name}?", "completion": "due"}
            for name, kind in ITEMS}  # fmt: skip
    domain = SimpleNamespace(**vars(report.load_domain("", None)), executed=lambda row, answer: f"ran {answer}")
    monkeypatch.setattr(look, "load_domain", lambda name, out: domain)
    monkeypatch.setattr(look, "load_rows", lambda args, domain, answers: rows)
    look.main(look.parse_args(["--out", str(out)]))
    data = json.loads(
        (out / "eval/index.html").read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    )
    assert [one["id"] for one in data["items"]] == [name for name, _ in ITEMS]
    first, verdicts = data["items"][0], files.read_json(out / "eval/domain.json")["rows"][0]
    for name in NAMES:
        assert first["answers"][name]["correct"] == verdicts[name]["correct"]
        assert first["answers"][name]["ran"] == f"ran {first['answers'][name]['text']}"
    wins = files.read_json(out / "eval/winrate.json")["rows"]
    assert not wins or first["won"]["dpo_vs_sft"] == wins[0]["correctness"]["dpo_vs_sft"]["score"]
    assert first["expected"] == "due" and first["expected_ran"] == "ran due"
    text = (out / "eval/side_by_side_comparison.txt").read_text(encoding="utf-8")
    assert text.count("--- SFT + DPO") == len(ITEMS) and all(f"dpo on {name}\n" in text for name, _ in ITEMS)


def test_a_query_is_executed_and_shown_as_a_table():
    domain = load_domain("text_to_sql")
    row = {"ddl": "CREATE TABLE cats (name TEXT, age INTEGER);",
           "fills": ["INSERT INTO cats VALUES ('Ada', 3), ('Bo', NULL), ('Cy', 5);"]}  # fmt: skip
    ran = domain.executed(row, "```sql\nSELECT name, age FROM cats;\n```\nLists the cats.", most=2)
    assert ran == "name | age\nAda | 3\nBo | NULL\n... 1 more rows"
    assert domain.executed(row, "SELECT name FROM cats WHERE age > 9;") == "name\n(no row)"
    assert domain.executed(row, "SELECT nothing FROM cats;").startswith("sql_error: ")
    assert domain.executed(row, "I cannot answer this.") == "" and domain.executed({}, "SELECT 1;") == ""


def test_there_are_ten_prompts_of_each_category():
    rows = files.read_jsonl(look.CATEGORIES, ("id", "category", "prompt"), texts=("prompt",))
    kinds = [row["category"] for row in rows]
    assert (
        len(set(kinds)) == 6
        and {kinds.count(kind) for kind in kinds} == {10}
        and len({r["prompt"] for r in rows}) == 60
    )


@pytest.mark.slow
def test_category_prompts_are_answered_by_all_three_once(tmp_path, tiny_base):
    from common import model
    from tests.test_launch import make_trained

    lineage = None
    for stage in ("sft", "dpo"):
        make_trained(tiny_base, tmp_path, stage)
        lineage = lineage or model.read_lineage(tmp_path / stage)
    args = look.parse_args(["--out", str(tmp_path), "--base", str(tiny_base), "--categories", "--engine", "hf",
                            "--max_new_tokens", "4", "--dtype", "float32"])  # fmt: skip
    made = look.answer_categories(args)
    assert {name: len(rows) for name, rows in made.items()} == dict.fromkeys(NAMES, 60)
    assert made["base"] == made["sft"] == made["dpo"], "all three have the base's own weights here"
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "answers/categories").glob("*.jsonl")}
    (tmp_path / "answers/categories/sft.jsonl").unlink()
    again = look.answer_categories(args)
    assert again == made
    changed = [path.stem for path, time in written.items() if path.stat().st_mtime_ns != time]
    assert changed == ["sft"]
    shown = look.category_items(made)
    assert len(shown) == 60 and shown[0]["kind"] == "category: instruction following"


def test_without_answers_the_command_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "eval/look.py", "--out", tmp_path], cwd=cli.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "run python eval/answer.py" in done.stderr and len(done.stderr.splitlines()) == 1
