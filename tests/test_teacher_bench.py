"""bench/teacher.py: what the server of the kills counts survives a stop, and a broken promise is told by name."""

import pytest

from bench import teacher as bench
from common.ledger import Ledger

HELD = {
    "kills_survived": 9, "same_bytes_as_uninterrupted": True, "rows_lost": 0, "received_answers_paid_twice": 0,
    "repeats": 3, "repeats_allowed": 72, "calls_that_the_ledger_counts_as_lost": 4, "dollars_by_ledger": 2.0,
    "dollars_by_server": 1.5,
}  # fmt: skip


def test_the_count_goes_on_after_a_stop_at_any_moment(serve, tmp_path):
    server, path = serve(), tmp_path / "bench/book.txt"
    book, ledger = bench.Book(path, server), Ledger(tmp_path / "ledger.db", "gen_sft", {})
    ledger.settle(ledger.begin("first", "m", 0.1), "answered", answer="{}")
    ledger.settle(ledger.begin("second", "m", 0.1), "failed")
    for request in ("first", "second", "second"):
        server.bill(request, 10, 5)
    book.note_received(ledger.path)
    assert server.made_again() == {}, "nobody has the answers to the second"
    server.bill("first", 10, 5)
    after = serve()
    book = bench.Book(path, after)
    assert (after.billed, after.tokens_in, after.tokens_out) == ({"first": 2, "second": 2}, 40, 20)
    assert after.made_again() == server.made_again() == {"first": 1}
    after.bill("first", 10, 5)
    book.note_received(ledger.path)
    assert after.made_again() == {"first": 2}, "what was received first counts"
    last = serve()
    bench.Book(path, last)
    assert last.made_again() == {"first": 2}


@pytest.mark.parametrize("key, value", [("kills_survived", 8), ("same_bytes_as_uninterrupted", False), ("rows_lost", 1),
                                        ("received_answers_paid_twice", 1), ("repeats", 5), ("repeats_allowed", 2),
                                        ("dollars_by_ledger", 1.0)])  # fmt: skip
def test_a_broken_promise_is_told(key, value):
    assert bench.broken(HELD, 9) == []
    wrong = bench.broken({**HELD, key: value}, 9)
    assert len(wrong) == 1 and ("repeats is 3" if key == "repeats_allowed" else f"{key} is {value}") in wrong


def test_the_kills_are_spread_over_the_rows():
    """As long as kills are to come, a run of which the server has answered most is not killed after its end."""
    args = bench.parse_args(["--kills", "100", "--rows", "500"])
    found = [bench.moment(args, {"begun": i, "kills": 50}, 400) for i in range(300)]
    blind = [wait for calls, wait in found if not calls]
    assert 30 <= len(blind) <= 90 and max(blind) > 2 and max(calls for calls, _ in found) <= 8
    assert all(calls <= 92 for i in range(100) for calls, _ in [bench.moment(args, {"begun": i, "kills": 99}, 400)])
