"""How fast an endpoint is asked: its rate limits, how many calls at once, when to hold still; shared by all workers.

Rates are kept by aiolimiter's leaky buckets. The number of calls at once grows from a few until the endpoint says that
it is too many, then is halved (additive increase, multiplicative decrease), and the time it asks for is waited by all.
"""

import asyncio
import random

# What each limit counts: calls, or tokens of a Usage. The names after it are the response headers that tell it.
LIMITS = {
    "requests": ("anthropic-ratelimit-requests-limit", "x-ratelimit-limit-requests"),
    "tokens": ("x-ratelimit-limit-tokens",),
    "input": ("anthropic-ratelimit-input-tokens-limit",),
    "output": ("anthropic-ratelimit-output-tokens-limit",),
}
BURST = 1.2  # seconds' worth that may go at once, so that a late wake-up is caught up; the rate is lower by as much
TOKEN_SHARE = 0.99  # of a limit of tokens: what a call will use is only guessed when it is made
LONGEST_PAUSE = 60.0  # seconds, unless the endpoint asks for more
FIRST_CALLS = 8  # at once
REST = 30.0  # seconds for which an endpoint that does not answer is left out


class Bucket:
    """One limit for a minute. What a call will use is guessed from the mean so far; the difference is made up for."""

    def __init__(self, limit: float, share: float):
        from aiolimiter import AsyncLimiter

        rate = share * limit / (60 + BURST)  # with a whole burst, no minute holds more than the limit
        room = max(1.0, BURST * rate)
        self.limiter, self.limit = AsyncLimiter(room, room / rate), limit
        self.used, self.calls, self.guess, self.debt = 0.0, 0, 1.0, 0.0

    async def take(self) -> float:
        """Wait for room for one call; what was taken for it."""
        taken = self.used / self.calls if self.calls else self.guess
        due, self.debt = taken + self.debt, 0.0
        if due < 0:
            due, self.debt = 0.0, due
        while due > 0:
            part = min(due, self.limiter.max_rate)
            await self.limiter.acquire(part)
            due -= part
        return taken

    def correct(self, taken: float, used: float):
        """Say what the call really used; the next call pays the difference."""
        self.used, self.calls = self.used + used, self.calls + 1
        self.debt += used - taken


class Pace:
    """The state of one endpoint. `room()` says whether a call may be made now; enter() before it, leave() after it."""

    def __init__(self, workers: int, limits: dict):
        self.workers, self.window, self.threshold = workers, float(min(FIRST_CALLS, workers)), float(workers)
        self.busy, self.until, self.halved, self.troubles, self.silent = 0, 0.0, 0.0, 0, 0
        self.given = dict(limits)  # by the user; no header overrides them
        self.buckets = {name: self._bucket(name, limit) for name, limit in limits.items()}

    @staticmethod
    def _bucket(name, limit) -> Bucket:
        return Bucket(limit, 1.0 if name == "requests" else TOKEN_SHARE)

    def room(self, now: float) -> bool:
        """Whether one more call may be made: fewer than the window are, and no pause lasts."""
        return self.busy < int(self.window) and now >= self.until

    async def enter(self, guess: dict) -> dict:
        """Wait until the limits allow a call of about `guess` tokens; what was taken from each bucket."""
        loop, taken = asyncio.get_running_loop(), {}
        while True:
            for name, bucket in list(self.buckets.items()):
                if not bucket.calls:
                    bucket.guess = guess[name]
                taken[name] = await bucket.take()
            if loop.time() >= self.until:
                return taken
            # A pause began meanwhile. What was taken is gone, or all who wait here would go at once after it.
            await asyncio.sleep(self.until - loop.time())

    def leave(self, taken: dict, used: dict | None):
        """The call is over and used this much; None: nothing is known, so what was taken stays taken."""
        self.busy -= 1
        for name, amount in taken.items():
            if used is not None and name in self.buckets:
                self.buckets[name].correct(amount, used[name])

    def went_well(self, headers):
        """A usable response: widen the window, learn the limits that its headers tell."""
        self.troubles = self.silent = 0
        grown = self.window + (1.0 if self.window < self.threshold else 1.0 / self.window)
        self.window = min(float(self.workers), grown)
        for name, headed in LIMITS.items():
            told = next((headers[one] for one in headed if one in headers), "")
            if name not in self.given and told.isdigit() and int(told) > 0:
                known = self.buckets.get(name)
                if known is None or known.limit != int(told):
                    self.buckets[name] = self._bucket(name, int(told))

    def too_much(self, sent: float, now: float, retry_after: float | None):
        """The endpoint is overloaded or a limit is reached: halve the window once for each pause, and wait."""
        if sent >= self.halved:  # calls sent before the last halving say nothing new
            self.troubles += 1
            self.threshold = self.window = max(1.0, self.window / 2)
            self.halved = now
        # Spread a little, so that several runs that share a key do not come back together.
        wait = min(LONGEST_PAUSE, 0.5 * 2 ** min(self.troubles, 10)) * (1 + random.random() / 4)
        self.until = max(self.until, now + (retry_after if retry_after is not None else wait))

    def no_answer(self, sent: float, now: float, others: bool) -> bool:
        """No whole response came; after three in a row the endpoint is left out for a while. True when it is now."""
        if sent < self.halved:  # sent before the last failure: of the same cause
            return False
        self.silent, self.halved, self.window = self.silent + 1, now, 1.0  # one call tries whether it is back
        wait = REST if others and self.silent >= 3 else min(REST, 0.2 * 2**self.silent)
        self.until = max(self.until, now + wait)
        return self.silent == 3
