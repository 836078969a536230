"""Rating by hand: the page's routes over HTTP, the page itself in a browser, and what is written from the ratings."""

import http.client
import json
import threading
from contextlib import contextmanager

import browser
import pytest

from common import files, rows
from common.cli import UserError
from data import label
from eval import stats

MODELS = ("base", "sft", "dpo")
needs_kappa = pytest.mark.skipif(not hasattr(stats, "kappa"), reason="eval/stats.py has no kappa()")


def write_answers(out, n=6):
    """Answers of three models to n prompts; the last is answered alike by all."""
    for name in MODELS:
        files.write_jsonl(
            out / "answers" / f"{name}.jsonl",
            [
                {"id": f"q{i}", "cluster": i // 2, "category": "all", "prompt": f"Question <b>{i}</b>?",
                 "answer": f"{name} says <i>{i}</i>" if i < n - 1 else "the same", "finish_reason": "stop"}
                for i in range(n)
            ],
        )  # fmt: skip
    files.write_json(out / "answers" / "run.json", {"settings": {"split": "test"}})
    return out


def write_samples(out):
    """What gen_dpo.py --judge hand leaves."""
    made = [{"id": f"p{i}", "prompt": f"Ask {i}", "cluster": i, "category": "all", "adapter_sha256": "ab" * 8,
             "answers": [f"good {i}", f"bad {i}"]} for i in range(5)]  # fmt: skip
    files.write_jsonl(out / "gen_dpo/to_rate.jsonl", made)
    return out


def parse(out, *more):
    return label.parse_args(["--out", str(out), "--resamples", "200", *more])


@contextmanager
def served(args):
    """(a function that asks a running server, the ratings)."""
    items = label.answer_items(args) if args.pairs is None else label.pair_items(args)
    name = "answers" if args.pairs is None else "pairs"
    ratings = label.Ratings(args.out / "ratings" / f"{name}.jsonl", items, args.seed)
    server = label.make_server(ratings, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(path, body=None, status=200, **headers):
        line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        headers = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body)
        line.request("GET" if body is None else "POST", path, data, headers)
        reply = line.getresponse()
        told = reply.read()
        line.close()
        assert reply.status == status, told
        return json.loads(told) if reply.headers.get_content_type() == "application/json" else told.decode()

    ask.address = f"http://127.0.0.1:{server.server_port}/"
    yield ask, ratings
    server.shutdown()
    server.server_close()


def rate_all(ask, rater, prefer):
    """Rate everything by prefer(A's text, B's text); returns what was shown."""
    shown, told = [], ask(f"/next?rater={rater}")
    while told["item"]:
        shown.append(told)
        told = ask("/rate", {"rater": rater, "item": told["item"], "choice": prefer(told["a"], told["b"])})
    return shown


def test_ratings_over_http_are_blind_kept_undone_and_exported(tmp_path, capsys):
    args = parse(write_answers(tmp_path))
    with served(args) as (ask, ratings):
        page = ask("/")
        assert "Which answer is better?" in page and "http" not in page.replace("http-equiv", "")
        first = ask("/next?rater=ann")
        assert first["total"] == 15 and first["done"] == 0, "equal answers are not asked"
        assert set(first) == {"item", "done", "total", "prompt", "a", "b"}
        assert not any(name in first["item"] for name in (*MODELS, "vs"))
        second = ask("/rate", {"rater": "ann", "item": first["item"], "choice": "tie"})
        assert second["done"] == 1 and second["item"] != first["item"]
        again = ask("/undo", {"rater": "ann"})
        assert again == first and ratings.rows == []
        assert "nothing to undo" in ask("/undo", {"rater": "ann"}, 409)["error"]
        shown = rate_all(ask, "ann", lambda a, b: "a" if a.startswith("dpo") or b.startswith("base") else "b")
        assert len(shown) == 15 and len({one["item"] for one in shown}) == 15
        sides = [one["a"].split()[0] for one in shown if {one["a"][:3], one["b"][:3]} == {"dpo", "sft"}]
        assert set(sides) == {"dpo", "sft"}, "each model stands on both sides"
        assert "already" in ask("/rate", {"rater": "ann", "item": first["item"], "choice": "a"}, 409)["error"]
        orders = [[one["item"] for one in shown], ratings.order("bob")]
        assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]
    with served(args) as (ask, _):  # another start goes on with what was rated
        assert ask("/next?rater=ann") == {"item": None, "done": 15, "total": 15}
    capsys.readouterr()
    label.main(parse(tmp_path, "--export"))
    made = files.read_json(tmp_path / "eval/winrate_hand.json")
    for pair in ("dpo_vs_sft", "dpo_vs_base", "sft_vs_base"):
        one = made["summary"]["hand"][pair]
        assert (one["wins"], one["ties"], one["losses"], one["n"], one["unjudged"]) == (5, 1, 0, 6, 0)
        assert one["rate"] == pytest.approx(5.5 / 6)
    assert made["rows"][5]["hand"]["dpo_vs_sft"] == {"score": 0.5, "by": "same answer", "raters": {}}
    assert made["settings"]["raters"] == {"ann": 15} and made["run"]["inputs"]
    told = capsys.readouterr().out
    assert "rated by ann (15)" in told and "winrate_hand.json; next: python eval/domain.py --out" in told
    changed = files.read_jsonl(tmp_path / "answers/dpo.jsonl")
    files.write_jsonl(tmp_path / "answers/dpo.jsonl", [{**row, "answer": row["answer"] + "!"} for row in changed])
    label.main(parse(tmp_path, "--export"))
    made = files.read_json(tmp_path / "eval/winrate_hand.json")
    assert made["settings"]["raters"] == {"ann": 5}, "ratings of other texts do not count"
    assert "dpo_vs_sft" not in made["summary"]["hand"] or made["summary"]["hand"]["dpo_vs_sft"]["unjudged"] == 6


def test_equal_answers_count_as_far_as_the_others_are_rated(tmp_path):
    """Or all of them beside a few ratings would pull the rate to a half."""
    names = [f"q{i}" for i in range(200)]
    for model, apart in (("base", ""), ("sft", ""), ("dpo", "!")):
        answers = [{"id": name, "cluster": name, "category": "all", "prompt": name, "finish_reason": "stop",
                    "answer": f"{name}{apart if i < 100 else ''}"} for i, name in enumerate(names)]  # fmt: skip
        files.write_jsonl(tmp_path / "answers" / f"{model}.jsonl", answers)
    files.write_json(tmp_path / "answers/run.json", {"settings": {"split": "test"}})
    with served(parse(tmp_path)) as (ask, _):
        told = ask("/next?rater=ann")
        for _ in range(10):
            choice = "a" if told["a"].endswith("!") else "b"
            told = ask("/rate", {"rater": "ann", "item": told["item"], "choice": choice})
    label.main(parse(tmp_path, "--export"))
    for pair in ("dpo_vs_sft", "dpo_vs_base"):
        one = files.read_json(tmp_path / "eval/winrate_hand.json")["summary"]["hand"][pair]
        assert one["ties"] == one["wins"] > 0 and one["rate"] == pytest.approx(0.75), "as when all were rated"
        assert one["unjudged"] == 100 - one["wins"]


def test_a_start_after_the_only_rating_was_undone(tmp_path):
    args = parse(write_answers(tmp_path))
    with served(args) as (ask, _):
        ask("/rate", {"rater": "ann", "item": ask("/next?rater=ann")["item"], "choice": "a"})
        ask("/undo", {"rater": "ann"})
    with served(args) as (ask, _):
        assert ask("/next?rater=ann")["done"] == 0


def test_a_second_server_on_the_same_ratings_is_refused(tmp_path, monkeypatch):
    """Each would write the file from what it holds, without the other's ratings."""
    args, started = parse(write_answers(tmp_path)), []

    def second(*given):
        if len(started) % 2 == 0:
            started.append("one")
            with pytest.raises(UserError, match=r"another label.py is running on .*answers.jsonl"):
                label.main(args)
            with pytest.raises(UserError, match="has no rating of today's answers"):
                label.main(parse(tmp_path, "--export"))
        started.append("end")
        raise UserError("the first server ended")

    monkeypatch.setattr(label, "make_server", second)
    for _ in range(2):
        with pytest.raises(UserError, match="the first server ended"):
            label.main(args)
    assert started == ["one", "end"] * 2


@needs_kappa
def test_raters_agree_by_majority_and_kappa(tmp_path, capsys):
    args = parse(write_samples(tmp_path), "--pairs")
    with served(args) as (ask, _):
        for rater in ("ann", "bob"):
            rate_all(ask, rater, lambda a, b: "a" if a.startswith("good") else "b")
        rate_all(ask, "cleo", lambda a, b: "tie" if "0" in a else "a" if a.startswith("bad") else "b")
    label.main(parse(tmp_path, "--pairs", "--export"))
    pairs, same = rows.read_pairs(tmp_path / "data/dpo_hand.jsonl")
    assert same == 0 and [(row["chosen"], row["rejected"]) for row in pairs] == [
        (f"good {i}", f"bad {i}") for i in range(5)
    ]
    assert pairs[0]["raters"] == ["ann", "bob", "cleo"] and pairs[0]["judge"] == "hand"
    assert pairs[0]["adapter_sha256"] == "ab" * 8 and pairs[0]["prompt_id"] == "p0" and pairs[0]["cluster"] == 0
    record = files.read_json(tmp_path / "ratings/run.json")
    found = record["agreement"]
    assert record["counts"] == {"pairs": 5, "rated": 5} and record["raters"] == {"ann": 5, "bob": 5, "cleo": 5}
    assert found["ann and bob"]["agreement"] == 1 and found["ann and cleo"]["agreement"] == 0
    assert "ann and bob: 100.0% of 5 alike" in capsys.readouterr().out


def test_one_rater_makes_pairs_and_ties_make_none(tmp_path):
    args = parse(write_samples(tmp_path), "--pairs")
    with served(args) as (ask, _):
        rate_all(ask, "ann", lambda a, b: "tie" if a[-1] in "01" else "a" if a.startswith("good") else "b")
    label.main(parse(tmp_path, "--pairs", "--export"))
    pairs, _ = rows.read_pairs(tmp_path / "data/dpo_hand.jsonl")
    assert [row["chosen"] for row in pairs] == ["good 2", "good 3", "good 4"]
    (tmp_path / "ratings/pairs.jsonl").unlink()
    with pytest.raises(UserError, match="has no rating of today's answers"):
        label.main(parse(tmp_path, "--pairs", "--export"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_hosts_are_refused(tmp_path, host):
    with pytest.raises(UserError, match="is not of this machine alone"):
        parse(tmp_path, "--host", host)


def test_requests_from_elsewhere_are_refused(tmp_path):
    """A page of another site, and a name of its own that leads here (DNS rebinding)."""
    with served(parse(write_answers(tmp_path))) as (ask, ratings):
        rating = {"rater": "ann", "item": next(iter(ratings.items)), "choice": "a"}
        for bad in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Content_Type": "text/plain"}):
            ask("/rate", rating, 403, **bad)
        ask("/next?rater=ann", None, 403, Host="evil.example")
        assert ratings.rows == []
        ask("/next?rater=../x", None, 400)
        ask("/rate", b"[1]", 400)
        ask("/rate", b"{", 400)
        ask("/rate", b"x" * 20_000, 413)
        ask("/elsewhere", None, 404)
        ask("/rate", {**rating, "choice": "c"}, 409)
        ask("/rate", {**rating, "item": "0"}, 409)
        assert ratings.rows == []
        ask("/rate", rating, 200, Host="localhost:1", Origin="http://127.0.0.1:1")
        assert len(ratings.rows) == 1


def test_what_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"to_rate.jsonl is not there yet; run python data/gen_dpo.py --judge hand"):
        label.main(parse(tmp_path, "--pairs"))
    with pytest.raises(UserError, match=r"base.jsonl is not there yet; run python eval/answer.py"):
        label.main(parse(tmp_path))


@pytest.mark.parametrize(
    "line, said",
    [
        ({"prompt": "x"}, " lacks answers; "),
        ({"answers": ["a", "b"]}, " lacks prompt; "),
        ({"prompt": "x", "answers": ["one"]}, ": answers is a list; it must be a list of two or more"),
        ({"prompt": "x", "answers": "one or two"}, ": answers is text; it must be a list"),
        ({"prompt": "x", "answers": ["one", None]}, ": answers[1] is null; it must be text"),
        ({"prompt": "x", "answers": [" ", "two"]}, ": answers[0] is empty; it must be text"),
        ({"prompt": None, "answers": ["a", "b"]}, ": prompt is null; it must be text"),
        ({"prompt": 5, "answers": ["a", "b"]}, ": prompt is a number; it must be text"),
        ({"prompt": [{"role": "user"}], "answers": ["a", "b"]}, ": prompt[0].content is null"),
        ({"prompt": "x", "answers": ["a", "\ud83d"]}, ": answers[1] holds half a character"),
    ],
)
def test_a_file_to_rate_is_refused_by_line_and_field(tmp_path, line, said):
    path = tmp_path / "own.jsonl"
    good = {"prompt": [{"role": "user", "content": "x"}], "answers": ["a", "b"]}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(line)}\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        label.main(parse(tmp_path, "--pairs", str(path), "--n", "1"))
    assert f"own.jsonl:2{said}" in str(caught.value) and "\n" not in str(caught.value)
    path.write_text(json.dumps(good), encoding="utf-8")
    assert label.pair_items(parse(tmp_path, "--pairs", str(path)))[0]["row"]["prompt"] == "x"


@pytest.mark.skipif(browser.found() is None, reason="no Chromium here; apt-get install chromium to run this test")
def test_the_page_in_a_browser(tmp_path):
    args = parse(write_answers(tmp_path), "--compare", "dpo_vs_sft")
    with served(args) as (ask, ratings):
        page = browser.Browser(tmp_path / "browser")
        try:
            page.open(ask.address)
            page.run("document.getElementById('rater').value = 'ann'")
            page.run("document.querySelector('#who button').click()")
            shown = page.wait("document.getElementById('prompt').textContent")
            assert shown.startswith("Question <b>"), "text is shown as it is, never read as HTML"
            page.screenshot(tmp_path / "page.png")
            for i, key in enumerate(("1", "ArrowRight", "0")):
                page.press(key)
                page.wait(f"document.getElementById('done').textContent === 'ann: {i + 1} of 5'")
            page.press("u")
            page.wait("document.getElementById('done').textContent === 'ann: 2 of 5'")
            for i in range(3):
                page.run("document.querySelector('[data-choice=a]').click()")
                page.wait(f"document.getElementById('done').textContent === 'ann: {i + 3} of 5'")
            assert page.wait("!document.getElementById('finished').hidden")
        finally:
            page.close()
        rated = [(row["item"], row["winner"]) for row in ratings.rows]
        wanted = [("a", 0), ("b", 1), ("a", 0), ("a", 0), ("a", 0)]
        for (item, winner), (_, place), expected in zip(rated, wanted, ratings.order("ann"), strict=True):
            assert item == expected and winner == place ^ ratings.turned("ann", item)
