"""Teachers and judges that are models: one question to one provider, answered as JSON of a given schema.

`Model` asks through the official async SDKs of Anthropic and OpenAI with their own retries turned off, so that every
call passes the ledger, the cap and the pace. A model is named `anthropic:MODEL` or `openai:MODEL`, either with `@URL`
for another server that speaks the same format, `openai:MODEL@URL,URL` for several.
"""

import asyncio
import email.utils
import json
import math
import os
import re
import time
import weakref
from typing import NamedTuple

from common import files, hosts
from common.cli import UserError
from common.ledger import Ledger, Price, Usage, digest
from common.pace import Pace

PROVIDERS = {
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
}
SPOKEN = {"anthropic": "Anthropic's Messages API", "openai": "OpenAI's Chat Completions API"}
OTHER_KEY = "LLM_API_KEY"  # for @URL: a provider's key is never sent to another host
SERVED_KEY = "VLLM_API_KEY"  # that of a server which serve.sh started: never sent to another machine
NO_KEY = "none"  # what a server without keys is sent
ASKS = 3  # answers to one request before it is given up: another may follow the schema
FAILURES = 10  # calls that fail because of the request, before it is given up
FIRST_PATIENCE = 20.0  # seconds without a word from any endpoint since the start: a wrong address, most likely
PATIENCE = 600.0  # seconds without any answer, from any endpoint, before the run stops
OVERHEAD_BYTES = 4000  # what a provider may add to a prompt: its template, its words about the schema
NOTHING_USED = {"requests": 1, "input": 0, "output": 0, "tokens": 0}  # of each limit, by a call that failed
ENDED = {"refusal": "refused", "cut": "cut at max_tokens", "no log-probs": "no log-probs"}  # and the reason it gives
TOP_TOKENS = 20  # whose log-probs are asked for: the most that OpenAI and vLLM give
# What a gateway says when it got no answer in time, or none it understood (520 and 524 are Cloudflare's own): the
# provider behind it may have made and billed one.
MAYBE_BILLED = (408, 502, 504, 520, 524)
# What HTTP 400 says of one request and not of all: why it has no usable answer, and whether one that was made and held
# back may be billed. OpenAI's twice, Azure's by code and by text, Anthropic's, Groq's.
UNFIT = {
    "content_policy_violation": ("refused", False),
    "invalid_prompt": ("refused", False),
    "content_filter": ("refused", False),
    "content management policy": ("refused", False),
    "content filtering policy": ("refused", True),
    "json_validate_failed": ("not JSON", True),
}
# What OpenAI, vLLM, Anthropic and llama.cpp say of a request that the model's context cannot hold.
TOO_LONG = ("context_length_exceeded", "maximum context length", "prompt is too long", "exceed context limit",
            "exceeds the available context")  # fmt: skip


class Spec(NamedTuple):
    """A model by name: provider, model, and the addresses of other servers than the provider's own."""

    provider: str
    model: str
    urls: tuple

    @property
    def name(self) -> str:
        """Without addresses: where a model is served does not change what it is."""
        return f"{self.provider}:{self.model}"


class Request(NamedTuple):
    """One question: `system` is the constant part, the same for many requests, and comes first so that it is cached.

    `number` tells apart requests with the same text that want answers of their own. With `tokens`, answers of one
    token, no answer is written: data is {token: probability} of these, for which a server has to give log-probs.
    """

    system: str
    user: str
    schema: dict
    max_tokens: int
    number: int = 0
    tokens: tuple = ()


class Reply(NamedTuple):
    """`data` follows the schema, or is None and `reason` says why.

    cost, tokens: of all answers to the request, usable or not; date: of the last one, UTC.
    """

    data: dict | None
    reason: str
    cost: float = 0.0
    tokens: int = 0
    date: str = ""


class Raw(NamedTuple):
    """What a provider answered, without its format: text, why it ended, tokens."""

    text: str
    ended: str  # "" or one of ENDED
    usage: Usage | None
    headers: dict


def parse_spec(text: str) -> Spec:
    """Read `provider:MODEL[@URL[,URL...]]`; UserError when it is none."""
    match = re.fullmatch(r"(anthropic|openai):([^\s@]+)(?:@(https?://\S+))?", text)
    if not match:
        raise UserError(
            f"{text!r} names no model; write anthropic:MODEL or openai:MODEL, with @URL for a server of your own."
        )
    provider, model, urls = match.groups()
    return Spec(provider, model, tuple(base_url(provider, url) for url in urls.split(",")) if urls else ())


def base_url(provider: str, url: str) -> str:
    """The base URL as the SDK wants it: OpenAI's ends in a path, usually /v1; Anthropic's SDK adds /v1 itself."""
    if not re.fullmatch(r"https?://([^\s/@?#:\[\]]+|\[[\da-fA-F:.]+\])(:\d+)?(/[^\s?#]*)?", url):
        raise UserError(f"{url!r} is no address; write http://HOST:PORT or https://HOST/PATH, several with commas.")
    url = url.rstrip("/")
    if provider == "anthropic":
        return url.removesuffix("/v1")
    return url if "/" in url.split("://")[1] else f"{url}/v1"


def find_key(spec: Spec) -> str:
    """The key from the environment; UserError when the provider needs one and there is none."""
    key = os.environ.get(key_variable(spec), "").strip()
    if key or spec.urls:
        return key or NO_KEY
    raise UserError(
        f"{spec.name} needs a key: export {key_variable(spec)}=... (or name a server of your own with @URL)."
    )


def key_variable(spec: Spec) -> str:
    """The environment variable that the key is in; that of serve.sh only where all servers are on this machine."""
    if not spec.urls:
        return PROVIDERS[spec.provider][1]
    given, served = (os.environ.get(name, "").strip() for name in (OTHER_KEY, SERVED_KEY))
    return SERVED_KEY if served and not given and all(map(hosts.stays_here, spec.urls)) else OTHER_KEY


def bare_schema(schema: dict) -> dict:
    """The schema without bounds on lengths, which the providers' own structured outputs do not take.

    The bounds go into the descriptions; answers are checked against the full schema here.
    """
    bounds = {key: schema[key] for key in ("maxLength", "minLength", "maxItems", "minItems") if key in schema}
    made = {key: value for key, value in schema.items() if key not in bounds}
    if bounds:
        told = ", ".join(f"{key} {value}" for key, value in bounds.items())
        made["description"] = f"{schema.get('description', '')} ({told})".strip()
    if "properties" in made:
        made["properties"] = {key: bare_schema(value) for key, value in made["properties"].items()}
    if "items" in made:
        made["items"] = bare_schema(made["items"])
    return made


def read_answer(raw: Raw, schema: dict) -> Reply:
    """The answer's JSON when it follows the schema, else the reason why it cannot be used."""
    import jsonschema

    if raw.ended:
        return Reply(None, ENDED[raw.ended])
    if not raw.text.strip():
        return Reply(None, "empty")
    try:
        data = json.loads(raw.text)
        if files.half_character(data) is not None:  # which no file here can hold
            return Reply(None, "half a character")
        jsonschema.validate(data, schema)
    except (ValueError, RecursionError):  # the first also of an integer of over 4,300 digits
        return Reply(None, "not JSON")
    except jsonschema.ValidationError:
        return Reply(None, "wrong schema")
    return Reply(data, "")


def highest_cost(price: Price, request: Request) -> float:
    """Dollars that one call of the request cannot exceed."""
    sent = len(json.dumps([request.system, request.user, request.schema]).encode("utf-8"))
    return price.most(sent + OVERHEAD_BYTES, request.max_tokens)


class _Anthropic:
    """The Messages API."""

    def __init__(self, spec, key, url, timeout, settings):
        import anthropic

        self.errors, self.spec, self.settings = anthropic, spec, settings
        self.client = anthropic.AsyncAnthropic(api_key=key, base_url=url, max_retries=0, timeout=timeout)

    async def send(self, request: Request) -> Raw:
        schema = request.schema if self.spec.urls else bare_schema(request.schema)
        config = {"format": {"type": "json_schema", "schema": schema}}
        if self.settings.get("effort"):
            config["effort"] = self.settings["effort"]
        more = {} if self.settings.get("temperature") is None else {"temperature": self.settings["temperature"]}
        response = await self.client.messages.with_raw_response.create(
            model=self.spec.model,
            max_tokens=request.max_tokens,
            system=[{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": request.user}],
            output_config=config,
            **more,
        )
        return _read(self.read, response, request)

    @staticmethod
    def read(told, headers, request) -> Raw:
        """What the response's JSON object says."""
        used = told.get("usage") or {}
        usage = Usage(
            used["input_tokens"],
            used.get("cache_read_input_tokens") or 0,
            used.get("cache_creation_input_tokens") or 0,
            used["output_tokens"],
        ) if "input_tokens" in used and "output_tokens" in used else None  # fmt: skip
        ends = {"refusal": "refusal", "max_tokens": "cut", "model_context_window_exceeded": "cut"}
        text = "".join(part.get("text") or "" for part in told.get("content") or [] if part.get("type") == "text")
        return Raw(text, ends.get(told.get("stop_reason"), ""), usage, headers)


class _OpenAI:
    """The Chat Completions API, which other servers speak as well. OpenAI caches a constant beginning by itself."""

    def __init__(self, spec, key, url, timeout, settings):
        import openai

        self.errors, self.spec, self.settings = openai, spec, settings
        self.client = openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=0, timeout=timeout)

    async def send(self, request: Request) -> Raw:
        schema = request.schema if self.spec.urls else bare_schema(request.schema)
        # Other servers may only know the older name of the limit.
        more = {"max_tokens" if self.spec.urls else "max_completion_tokens": request.max_tokens}
        if self.settings.get("temperature") is not None:
            more["temperature"] = self.settings["temperature"]
        if self.settings.get("effort"):
            more["reasoning_effort"] = self.settings["effort"]
        if request.tokens:
            more |= {"logprobs": True, "top_logprobs": TOP_TOKENS}
        else:
            form = {"name": "answer", "strict": True, "schema": schema}
            more["response_format"] = {"type": "json_schema", "json_schema": form}
        response = await self.client.chat.completions.with_raw_response.create(
            model=self.spec.model,
            messages=[{"role": "system", "content": request.system}, {"role": "user", "content": request.user}],
            **more,
        )
        return _read(self.read, response, request)

    @staticmethod
    def read(told, headers, request) -> Raw:
        """What the response's JSON object says."""
        used, usage = told.get("usage") or {}, None
        if "prompt_tokens" in used and "completion_tokens" in used:
            details = used.get("prompt_tokens_details") or {}
            read, written = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
            usage = Usage(used["prompt_tokens"] - read - written, read, written, used["completion_tokens"])
        choice = (told.get("choices") or [{}])[0]
        message = choice.get("message") or {}
        refused = message.get("refusal") or choice.get("finish_reason") == "content_filter"
        if request.tokens and not refused:
            weighed = _probabilities(choice, request.tokens)
            return Raw(json.dumps(weighed), "" if weighed else "no log-probs", usage, headers)
        ended = "refusal" if refused else "cut" if choice.get("finish_reason") == "length" else ""
        return Raw(message.get("content") or "", ended, usage, headers)


def _probabilities(choice, tokens) -> dict:
    """{token: probability} at the answer's first place, {} when the server gave no log-probs."""
    places = (choice.get("logprobs") or {}).get("content") or [{}]
    listed = places[0].get("top_logprobs") or []
    found = {token: 0.0 for token in tokens} if listed else {}
    for one in listed:
        if one["token"].strip() in found:  # "A" and " A" are the same answer
            found[one["token"].strip()] += math.exp(one["logprob"])
    return found


def _read(parse, response, request) -> Raw:
    """parse() of the response's JSON object; JSONDecodeError, as for all else that is no answer, for any other JSON."""
    try:
        told = json.loads(response.http_response.text)
        if told.get("error"):  # as OpenRouter says, with HTTP 200, that the provider behind it failed
            raise json.JSONDecodeError(f"an error: {told['error']}", "", 0)
        raw = parse(told, response.headers, request)
        # A lone surrogate, which JSON allows and UTF-8 does not, can be kept in no file.
        return raw._replace(text=raw.text.encode("utf-8", "replace").decode("utf-8"))
    except json.JSONDecodeError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise json.JSONDecodeError(f"not of the API's form: {error}", "", 0) from None


class Endpoint:
    """One server: its client and its pace."""

    def __init__(self, client, pace, url):
        self.client, self.pace, self.url = client, pace, url
        self.is_there = False  # whether any response has come from it


def told_by(error, key: str) -> tuple:
    """(code, a server's own words on one line) of an HTTP error, without the key."""
    body = error.body if isinstance(error.body, dict) else {"message": error.body}
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    told = next((inner[name] for name in ("message", "detail", "error", "type") if inner.get(name)), "no message")
    return str(inner.get("code") or inner.get("type") or ""), without_key(str(told), key)[:200].rstrip(".")


def without_key(text: str, key: str) -> str:
    """A text on one line without the key, which servers and libraries may repeat, nor what looks like one."""
    text = " ".join(text.split())
    text = text if key == NO_KEY else text.replace(key, "[key]")
    return re.sub(r"\b(sk|key)-[\w*.-]{6,}", "[key]", text)


class Model:
    """A teacher or judge. Make it and use it inside one event loop; `ask` may be called by many tasks at once."""

    def __init__(self, spec: Spec, key: str, ledger: Ledger, price: Price | None, limits: dict, workers: int,
                 timeout: float = 120.0, **settings):  # fmt: skip
        self.spec, self.key, self.ledger, self.price, self.settings = spec, key, ledger, price, settings
        make = {"anthropic": _Anthropic, "openai": _OpenAI}[spec.provider]
        self.endpoints = [
            Endpoint(make(spec, key, url, timeout, settings), Pace(workers, limits), url)
            for url in spec.urls or (PROVIDERS[spec.provider][0],)
        ]
        self.workers = workers * len(self.endpoints)  # calls at once, at most
        self.changed, self.stopped = asyncio.Event(), None
        self.asking = weakref.WeakValueDictionary()  # a lock for each request that is being asked, by its hash
        self.flying = set()  # tasks whose call is being made
        self.trouble_since = None  # when the first call failed after the last answer
        self.made = self.answers = self.reused = 0  # calls, answers to them, and answers that the ledger had

    def identity(self, request: Request) -> str:
        """The hash of all that decides the answer; addresses do not."""
        asked = request._asdict()
        if not request.tokens:
            del asked["tokens"]  # so that answers in ledgers from before it was there are found
        return digest([self.spec.name, self.settings, asked])

    def most(self, request: Request) -> float | None:
        """Dollars that the request cannot exceed, or None without a price."""
        return highest_cost(self.price, request) if self.price else None

    async def ask(self, request: Request) -> Reply:
        """The answer, from the ledger when it is there. UserError stops the run: bad key, unknown model, the cap.

        A request that is asked again while its call is being made waits for that call's answer. One that another stage
        with this ledger asks is paid for twice only when both calls are in flight at once.
        """
        identity = self.identity(request)
        lock = self.asking[identity] = self.asking.get(identity) or asyncio.Lock()
        async with lock:
            return await self._ask(request, identity)

    async def _ask(self, request, identity) -> Reply:
        before = self.ledger.finished(identity)
        self.reused += len(before)
        asks = len(before)
        outcome = ""
        while not _is_final(before) and asks < ASKS and outcome in ("", "answered"):
            outcome = await self._call(request, identity, len(before))
            asks, before = asks + 1, self.ledger.finished(identity)
        if not before:
            return Reply(None, outcome)
        state, reason, answer, sent, _, _ = before[-1]
        cost, tokens = sum(row[4] or 0.0 for row in before), sum(row[5] or 0 for row in before)
        return Reply(json.loads(answer) if state == "answered" else None, reason, cost, tokens, sent[:10])

    async def _call(self, request, identity, known) -> str:
        """Bring one answer, usable or not, to the ledger, beside the `known` ones: 'answered', or why there is none.

        It is 'too long' for the model's context, or 'no answer' when FAILURES calls failed because of the request. Not
        counted: that the endpoint has too much to do, and lost connections while no other request is answered. What
        hits all requests is waited for, as long as PATIENCE lasts.
        """
        failures, answers = 0, self.answers
        while failures < FAILURES:
            endpoint = await self._pick()
            taken, used, call = {}, None, None
            try:
                taken = await endpoint.pace.enter(self._guess(request))
                while not self.ledger.fits(self.most(request)) and self.ledger.reserved:
                    await self.changed.wait()  # calls in flight will most likely cost less than they may
                self._check_stopped()
                if len(self.ledger.finished(identity)) > known:
                    return "answered"  # by another stage, while this one waited
                call = self.ledger.begin(identity, self.spec.name, self.most(request))
                outcome, used = await self._send(endpoint, request, call)
                if outcome in ("answered", "too long"):
                    return outcome
                failures += outcome == "failed" or outcome == "lost" and self.answers > answers
                answers = self.answers
            except UserError as error:
                self.stopped = self.stopped or error
                raise
            finally:
                if call is None:
                    used = {name: 0 for name in taken}
                endpoint.pace.leave(taken, used)
                self._wake()
        return "no answer"

    async def _send(self, endpoint, request, call) -> tuple:
        """Make a call whose intent is written down: (outcome, used of each limit or None)."""
        loop = asyncio.get_running_loop()
        sent, started = loop.time(), time.monotonic()
        self.made += 1
        self.flying.add(asyncio.current_task())
        try:
            raw = await endpoint.client.send(request)
        except endpoint.client.errors.APIStatusError as error:
            return self._refused_call(endpoint, call, error, sent)
        except (endpoint.client.errors.APIError, json.JSONDecodeError, OSError) as error:
            # The provider may have answered, and billed, what never arrived whole.
            self.ledger.settle(call, "lost", type(error).__name__, seconds=time.monotonic() - started)
            self._no_answer(endpoint, sent, error)
            return "lost", None
        finally:
            self.flying.discard(asyncio.current_task())
        reply = read_answer(raw, request.schema)  # only data and reason are known here
        cost = self.price.cost(raw.usage) if self.price and raw.usage else None
        state = "answered" if reply.data is not None else "unfit"
        self.ledger.settle(call, state, reply.reason, raw.usage, cost, time.monotonic() - started, raw.text)
        self.trouble_since, endpoint.is_there = None, True
        self.answers += 1
        endpoint.pace.went_well(raw.headers)
        return "answered", _counted(raw.usage) if raw.usage else None

    def _guess(self, request):
        size = len(request.system + request.user) / 3
        return {"requests": 1, "input": size, "output": request.max_tokens, "tokens": size + request.max_tokens}

    async def _pick(self) -> Endpoint:
        """The endpoint with the most room, when there is one."""
        loop = asyncio.get_running_loop()
        while True:
            self._check_stopped()
            now = loop.time()
            free = [one for one in self.endpoints if one.pace.room(now)]
            if free:
                best = max(free, key=lambda one: one.pace.window - one.pace.busy)
                best.pace.busy += 1
                return best
            pauses = [one.pace.until - now for one in self.endpoints if one.pace.until > now]
            try:
                await asyncio.wait_for(self.changed.wait(), min(pauses, default=None))
            except TimeoutError:
                continue

    def _wake(self):
        self.changed.set()
        self.changed = asyncio.Event()

    def _check_stopped(self):
        if self.stopped:  # a new one for each task: one exception would collect the frames of all
            raise type(self.stopped)(*self.stopped.args)

    def _refused_call(self, endpoint, call, error, sent):
        """An HTTP error, not billed unless it is a gateway's: ask again later, or stop the run where that is no use."""
        (code, told), status, endpoint.is_there = told_by(error, self.key), error.status_code, True
        said = next((one for words, one in UNFIT.items() if words in f"{code} {told}"), None)
        if status == 400 and said:
            reason, maybe_billed = said
            self.ledger.settle(call, "unfit", reason, cost=None if maybe_billed else 0.0)
            return "answered", None if maybe_billed else NOTHING_USED
        if status == 400 and any(word in f"{code} {told}" for word in TOO_LONG):
            self.ledger.settle(call, "failed", "too long")  # another server of this model may hold it: asked again then
            return "too long", NOTHING_USED
        self.ledger.settle(call, "lost" if status in MAYBE_BILLED else "failed", f"HTTP {status}")
        where = endpoint.url
        if status in (401, 403):
            raise UserError(
                f"{where} refuses the key in {key_variable(self.spec)} (HTTP {status}: {told}); set a valid one and "
                "run again."
            )
        if status == 404:
            raise UserError(
                f"{where} does not know {self.spec.model}, or does not speak {SPOKEN[self.spec.provider]} (HTTP 404: "
                f"{told}); check the model's name and the address."
            )
        if status == 402 or "insufficient_quota" in f"{code} {told}":
            raise UserError(f"the account at {where} has no credit (HTTP {status}: {told}); add some and run again.")
        if 400 <= status < 500 and status not in (408, 409, 425, 429):
            raise UserError(f"{where} cannot take the request (HTTP {status}: {told}).")
        endpoint.pace.too_much(sent, asyncio.get_running_loop().time(), _retry_after(error.response.headers))
        self._check_patience(f"HTTP {status}: {told}")
        outcome = "busy" if status in (429, 503, 529) else "failed"
        return outcome, None if status in MAYBE_BILLED else NOTHING_USED

    def _no_answer(self, endpoint, sent, error):
        """No whole response: the endpoint is left out after some; servers never reached at all stop the run."""
        said = str(error.__cause__ or "") or str(error) or type(error).__name__  # a time-out's cause says nothing
        why = without_key(said, self.key)[:120].rstrip(".")
        others = len(self.endpoints) > 1
        if endpoint.pace.no_answer(sent, asyncio.get_running_loop().time(), others) and others:
            print(f"\nnote: {endpoint.url} does not answer ({why}); its requests go to the others.")
        self._check_patience(why)

    def _check_patience(self, why):
        self.trouble_since = self.trouble_since or time.monotonic()
        waited = time.monotonic() - self.trouble_since
        if waited > FIRST_PATIENCE and not any(one.is_there for one in self.endpoints):
            where = ", ".join(one.url for one in self.endpoints)
            raise UserError(
                f"no answer from {where} ({why}); check the address, that the server runs, and --timeout if it is slow."
            )
        if waited > PATIENCE:
            raise UserError(
                f"no answer for {PATIENCE / 60:.0f} minutes ({why}); run the same command later, it goes on from here."
            )

    async def close(self):
        """Close the connections."""
        for endpoint in self.endpoints:
            await endpoint.client.client.close()


async def gather(model: Model, coroutines):
    """Results of all, in order. When one raises UserError, calls being made may finish, for they are paid for."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    if any(task.done() and task.exception() for task in tasks):
        for task in tasks:
            if task not in model.flying:
                task.cancel()
        await asyncio.wait(tasks)
    # All of them are looked at: asyncio would print the others, with the provider's words and a key that they repeat.
    if failed := [task.exception() for task in tasks if not task.cancelled() and task.exception()]:
        raise model.stopped or failed[0]
    return [task.result() for task in tasks]


def _is_final(answers) -> bool:
    """Whether the last of a request's answers settles it: usable, or a refusal, which asking again rarely changes."""
    return bool(answers) and (answers[-1][0] == "answered" or answers[-1][1] == "refused")


def _counted(usage: Usage) -> dict:
    """Tokens as the limits count them: those read from the cache are free of Anthropic's limit on input."""
    read_in = usage.input + usage.cache_write
    return {"requests": 1, "input": read_in, "output": usage.output, "tokens": sum(usage)}


def _retry_after(headers) -> float | None:
    """Seconds, from retry-after-ms or retry-after, which may be a date; None when there is neither."""
    told = headers.get("retry-after", "")
    try:
        seconds = float(headers["retry-after-ms"]) / 1000 if "retry-after-ms" in headers else float(told)
    except ValueError:
        date = email.utils.parsedate_tz(told)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - time.time()
    return min(3600.0, max(0.0, seconds))
