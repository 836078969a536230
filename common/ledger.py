"""What paid calls cost: prices, and the ledger of every call, so that a cap holds and no answer is paid for twice.

A call is written down before it is made, with the most that it can cost, and settled when its answer is in. A call
that a kill left open is counted as spent, since nobody knows whether the provider answered it.
"""

import datetime
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from common import files
from common.cli import ROOT, UserError, nearest

PRICES = ROOT / "common" / "prices.json"
TABLES = """
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, stage TEXT, settings TEXT, started TEXT);
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY, run INTEGER, request TEXT, model TEXT, sent TEXT, state TEXT, reason TEXT,
  input INTEGER, cache_read INTEGER, cache_write INTEGER, output INTEGER, cost REAL, seconds REAL, answer TEXT);
CREATE INDEX IF NOT EXISTS by_request ON calls (request);
"""


# What the library says of a disk or a file that the user has to mend (its lowest byte tells the kind); others are bugs.
UNFIT = {
    sqlite3.SQLITE_FULL: "finds no space left on the disk; free some",
    sqlite3.SQLITE_IOERR: "cannot be read or written (the disk fails); look at the disk",
    sqlite3.SQLITE_NOTADB: "is damaged; put a copy back, or move it away, which pays for its answers again",
    sqlite3.SQLITE_CORRUPT: "is damaged; put a copy back, or move it away, which pays for its answers again",
    sqlite3.SQLITE_READONLY: "cannot be written to; mend its rights",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; mend the path or its rights",
    sqlite3.SQLITE_BUSY: "is held by another program; end that one",
}


class Price(NamedTuple):
    """US dollars for a million tokens."""

    input: float
    cache_read: float
    cache_write: float
    output: float

    def cost(self, usage) -> float:
        """Dollars for a Usage."""
        return sum(price * tokens for price, tokens in zip(self, usage, strict=True)) / 1e6

    def most(self, bytes_in: int, max_tokens: int) -> float:
        """Dollars that a call cannot exceed: no token of the prompt has less than one byte."""
        return (max(self.input, self.cache_write) * bytes_in + self.output * max_tokens) / 1e6


class Usage(NamedTuple):
    """Tokens of one call; `input` without those read from or written to the provider's prompt cache."""

    input: int
    cache_read: int
    cache_write: int
    output: int


def find_price(model: str, at_provider: bool, given=None) -> Price | None:
    """The price of `provider:model`: the given pair (input, output), else that of prices.json, else None.

    A given pair counts tokens read from a cache as input, and writing them a quarter more: never too little.
    At another address than the provider's own the price file says nothing.
    """
    if given:
        return Price(given[0], given[0], 1.25 * given[0], given[1])
    known = json.loads(PRICES.read_text(encoding="utf-8"))["prices"].get(model)
    return Price(*(known[key] for key in Price._fields)) if known and at_provider else None


def require_price(model: str, price: Price | None, max_cost: float | None):
    """UserError for a cap on what has no price: it could not be kept."""
    if max_cost is not None and price is None:
        known = json.loads(PRICES.read_text(encoding="utf-8"))["prices"]
        raise UserError(
            f"--max_cost cannot be kept for {model}{nearest(model, known)}, whose price is not in common/prices.json; "
            "give it with --price INPUT OUTPUT (dollars for a million tokens), or leave --max_cost out."
        )


def digest(value) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()


def now() -> str:
    """UTC, to the second, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class OverBudget(UserError):
    """The next call could exceed --max_cost."""


class Ledger:
    """The calls of one stage in a ledger that all stages of a run folder share. One process at a time for each stage.

    spent: dollars of this run's calls, those that were lost at their highest; open: dollars that calls now being made
    may cost at most. A run is the stage with the settings that matter; other settings are another run with its own cap.
    """

    def __init__(self, path, stage: str, settings: dict, max_cost: float | None = None):
        path = Path(path)
        self.path, self.max_cost = path, max_cost
        self.lock = files.hold(
            path.with_name(f"{path.name}.{stage}.lock"),
            f"another {stage} is running with {path}; wait for it, or give --out.",
        )
        try:
            self.base = sqlite3.connect(path, isolation_level=None, timeout=60)
            self.base.execute("PRAGMA journal_mode = WAL")
            self.base.execute("PRAGMA synchronous = NORMAL")  # safe against a kill; a power cut may cost the last calls
            self.base.executescript(TABLES)
        except sqlite3.Error as error:
            self.lock.close()
            raise self._unfit(error) from None
        self.news = self._find_run(stage, settings)
        # Open calls are those of this stage's killed processes: the lock says that no other one lives.
        self.lost = self._do(
            "UPDATE calls SET state = 'lost', reason = 'killed' "
            "WHERE state = 'open' AND run IN (SELECT id FROM runs WHERE stage = ?)",
            (stage,),
        )[0].rowcount
        self.spent = self._sum("run = ?", self.run)
        self.open, self.reserved = 0.0, {}

    def _do(self, sql, values=()):
        """(cursor, rows) of one statement; UserError for a file or a disk that the user has to mend."""
        try:
            made = self.base.execute(sql, values)
            return made, made.fetchall()
        except sqlite3.Error as error:
            raise self._unfit(error) from None

    def _unfit(self, error) -> Exception:
        """What to raise for an error of the library."""
        said = UNFIT.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
        return UserError(f"{self.path} {said}, and run the same command again.") if said else error

    def _find_run(self, stage, settings) -> str:
        """Take up the run with these settings or start one; a sentence on what differs from the stage's last run."""
        runs = self._do("SELECT id, settings FROM runs WHERE stage = ? ORDER BY id", (stage,))[1]
        text = json.dumps(settings, sort_keys=True)
        self.run = next((number for number, known in runs if known == text), None)
        if self.run is not None:
            return ""
        made, _ = self._do("INSERT INTO runs (stage, settings, started) VALUES (?, ?, ?)", (stage, text, now()))
        self.run = made.lastrowid
        if not runs:
            return ""
        before = json.loads(runs[-1][1])
        differs = [key for key in sorted({*before, *settings}) if before.get(key) != settings.get(key)]
        changed = ", ".join(f"{key} {before.get(key)!r} -> {settings.get(key)!r}" for key in differs)
        return (
            f"a new run, since a setting that matters differs from the last run's ({changed or 'an earlier run'}); "
            f"the {self._sum('run = ?', runs[-1][0]):.4f} dollars spent on that one stay in {self.path}"
        )

    def _sum(self, where, *values) -> float:
        return self._do(f"SELECT COALESCE(SUM(cost), 0) FROM calls WHERE {where}", values)[1][0][0]

    def finished(self, request: str) -> list:
        """(state, reason, answer, sent, cost, tokens) of each answer to this request, in the order made."""
        return self._do(
            "SELECT state, reason, answer, sent, cost, input + cache_read + cache_write + output FROM calls "
            "WHERE request = ? AND state IN ('answered', 'unfit') ORDER BY id",
            (request,),
        )[1]

    def fits(self, most: float | None) -> bool:
        """Whether a call that may cost `most` dollars keeps the cap, whatever those in flight will cost."""
        return self.max_cost is None or self.spent + self.open + most <= self.max_cost

    def begin(self, request: str, model: str, most: float | None) -> int:
        """Write a call down before it is made; `most`: dollars it can cost. OverBudget when that may break the cap."""
        if not self.fits(most):
            raise OverBudget(
                f"the next call could exceed --max_cost {self.max_cost:g}: {self.spent + self.open:.4f} dollars are "
                f"spent or in flight and it may cost {most:.4f}; raise it and run the same command to go on, no answer "
                "is paid for again."
            )
        made, _ = self._do(
            "INSERT INTO calls (run, request, model, sent, state, cost) VALUES (?, ?, ?, ?, 'open', ?)",
            (self.run, request, model, now(), most),
        )
        self.reserved[made.lastrowid] = most or 0.0
        self.open += most or 0.0
        return made.lastrowid

    def settle(self, call: int, state: str, reason="", usage: Usage | None = None, cost=None, seconds=0.0, answer=None):
        """Close a call: 'answered', 'unfit' (an answer that cannot be used), 'failed' (not billed) or 'lost' (perhaps).

        Without `cost` an answered, unfit or lost call keeps the most that it could cost.
        """
        most = self.reserved.pop(call)
        cost = 0.0 if state == "failed" else most if cost is None else cost
        self._do(
            "UPDATE calls SET state = ?, reason = ?, input = ?, cache_read = ?, cache_write = ?, output = ?, cost = ?, "
            "seconds = ?, answer = ? WHERE id = ?",
            (state, reason, *(usage or (None,) * 4), cost, seconds, answer, call),
        )
        self.open -= most
        self.spent += cost

    def totals(self) -> dict:
        """What this run's calls were: their number by state and reason, tokens, and dollars."""
        calls = self._do(
            "SELECT state, reason, COUNT(*) FROM calls WHERE run = ? GROUP BY state, reason ORDER BY state, reason",
            (self.run,),
        )[1]
        tokens = self._do(
            "SELECT SUM(input), SUM(cache_read), SUM(cache_write), SUM(output) FROM calls WHERE run = ?", (self.run,)
        )[1][0]
        return {
            "calls": {f"{state}: {reason}" if reason else state: count for state, reason, count in calls},
            "tokens": dict(zip(Usage._fields, (value or 0 for value in tokens), strict=True)),
            "dollars": round(self.spent, 6),
            "dollars_of_all_stages": round(self._sum("1"), 6),
        }

    def mean_seconds(self) -> float:
        """Of this run's calls that brought an answer; 0 when there is none."""
        return self._do(
            "SELECT COALESCE(AVG(seconds), 0) FROM calls WHERE run = ? AND state IN ('answered', 'unfit')", (self.run,)
        )[1][0][0]

    def close(self):
        """Close the file and let another process take the stage up."""
        self.base.close()
        self.lock.close()
