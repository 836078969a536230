"""The client in simulated time: how well it keeps a rate, whatever else the machine does. No network, no waiting."""

import asyncio
import random
from collections import deque

from common import llm
from common.ledger import Ledger, Price, Usage

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


class _Clock(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it.

    stalls: (seconds between, seconds), both on average, of standing still as on a machine that is busy with something
    else; (0, 0) for none.
    """

    def __init__(self, stalls):
        super().__init__()
        self.now, wait, rng = 0.0, self._selector.select, random.Random(1)
        between, seconds = stalls
        self.next_stall = between

        def jump(timeout):
            self.now += (timeout or 0.0) + 1e-6  # as a real clock, it never stands still
            if seconds and self.now > self.next_stall:
                self.now += rng.expovariate(1 / seconds)
                self.next_stall = self.now + rng.expovariate(1 / between)
            return wait(0)

        self._selector.select = jump

    def time(self):
        return self.now


class Window:
    """A server that allows `most` calls, or tokens, in every window of a minute; calls take 0.5 to 4 seconds."""

    def __init__(self, most, in_tokens=False, headers=None, tell_when=True):
        self.most, self.in_tokens, self.headers, self.tell_when = most, in_tokens, headers or {}, tell_when
        self.rng, self.recent, self.arrivals = random.Random(0), deque(), []  # of (time, amount, allowed)

    async def send(self, request):
        """In the place of a client's send: a Raw, or the SDK's error for 429."""
        import httpx2
        import openai

        now = asyncio.get_running_loop().time()
        usage = Usage(300, 0, 0, self.rng.randint(50, 400))
        amount = sum(usage) if self.in_tokens else 1
        while self.recent and self.recent[0][0] <= now - 60:
            self.recent.popleft()
        allowed = sum(one for _, one in self.recent) + amount <= self.most
        self.arrivals.append((now, amount, allowed))
        if allowed:
            self.recent.append((now, amount))
            await asyncio.sleep(self.rng.uniform(0.5, 4.0))
            return llm.Raw('{"text": "x"}', "", usage, self.headers)
        await asyncio.sleep(0.1)
        wait = {"retry-after": f"{self.recent[0][0] + 60 - now:.2f}"} if self.tell_when else {}
        made = httpx2.Response(429, headers=wait, request=httpx2.Request("POST", "http://simulated"))
        raise openai.RateLimitError("limit reached", response=made, body=None)

    def seen(self) -> dict:
        """Calls, the share of the allowed amount that was used until the last call, and the share of 429."""
        last = self.arrivals[-1][0]
        used = sum(amount for _, amount, allowed in self.arrivals if allowed)
        refused = sum(not allowed for _, _, allowed in self.arrivals)
        return {"calls": len(self.arrivals), "minutes": round(last / 60, 2),
                "used_share": round(used / (self.most * last / 60), 4),
                "share_429": round(refused / len(self.arrivals), 4)}  # fmt: skip


def simulate(
    folder, server: Window, limits: dict, minutes: float = 10, workers: int = 64, stalls: tuple = (0, 0)
) -> dict:
    """What `server` saw of a client with these limits that asks for so many minutes as fast as it may."""

    async def go():
        ledger = Ledger(folder / "ledger.db", "simulation", {})
        model = llm.Model(
            llm.parse_spec("openai:m@http://simulated"), "none", ledger, Price(1, 1, 1, 1), limits, workers
        )
        model.endpoints[0].client.send = server.send
        loop = asyncio.get_running_loop()

        async def worker(number):
            count = 0
            while loop.time() < 60 * minutes:
                await model.ask(llm.Request("Answer.", f"{number} {count}", SCHEMA, 400))
                count += 1

        await llm.gather(model, [worker(number) for number in range(workers)])
        await model.close()
        ledger.close()

    with asyncio.Runner(loop_factory=lambda: _Clock(stalls)) as runner:
        runner.run(go())
    return server.seen()
