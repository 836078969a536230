"""Completions from servers that speak OpenAI's /v1/completions: vLLM on other machines, llama.cpp, a gateway.

Asked by the official async client. The key is LLM_API_KEY of the environment, so that a provider's own goes to nobody
else; for a server on this machine, where that is not set, VLLM_API_KEY, as serve.sh reads it. Several addresses serve
one run together, and one that dies is left out.
"""

import asyncio
import contextlib
from collections import deque
from typing import NamedTuple

from common import cli, llm, score
from common.sampling import Completion, prompt_seed

AT_ONCE = 32  # requests in flight to each address; a server queues what it cannot batch
RETRIES = 5  # of the client, with growing pauses: busy servers, lost connections
SECONDS = 600.0  # for one request
FIRST_SECONDS = 10.0  # for the list of models, which a server that is ready gives at once


class Endpoint(NamedTuple):
    """Where to ask, the servers' names of our models where they differ, and whether prompts are sent as text."""

    urls: tuple
    names: dict
    as_text: bool = False

    @property
    def kind(self) -> str:
        """What makes the answers, for a record: which models, not where they are served."""
        return " ".join(["endpoint", *(f"{ours}={theirs}" for ours, theirs in sorted(self.names.items()))])

    def name(self, model: str) -> str:
        """What the servers call a model of ours."""
        return self.names.get(model, model)


def add_endpoint_flags(parser):
    """--endpoint and what belongs to it, of the stages that sample or answer."""
    parser.add_argument(
        "--endpoint",
        metavar="URL[,URL]",
        help="ask OpenAI-compatible servers, not an engine of our own (key: LLM_API_KEY; of serve.sh's VLLM_API_KEY)",
    )
    parser.add_argument(
        "--endpoint_models",
        metavar="OURS=THEIRS[,...]",
        help="the servers' names of base, sft and dpo, where they differ",
    )
    parser.add_argument(
        "--endpoint_text",
        action=cli.Switch,
        default=False,
        help="send the rendered prompt as text, to servers that take no token ids",
    )


def endpoint_of(args):
    """The Endpoint of the flags, None without --endpoint. UserError for what is no address or no pair of names."""
    if not args.endpoint:
        return None
    names = {}
    for pair in (args.endpoint_models or "").split(",") if args.endpoint_models else ():
        ours, _, theirs = pair.partition("=")
        if not theirs or ours not in ("base", "sft", "dpo"):
            raise cli.UserError(f"--endpoint_models: {pair!r} is no pair; write base=NAME, sft=NAME or dpo=NAME.")
        names[ours] = theirs
    return Endpoint(tuple(llm.base_url("openai", url) for url in args.endpoint.split(",")), names, args.endpoint_text)


def require(endpoint: Endpoint, models):
    """UserError unless every address answers and has these models of ours."""
    asyncio.run(_require(endpoint, [endpoint.name(model) for model in models]))


def complete(endpoint: Endpoint, model: str, tokenizer, prompts: list, sampling, description: str = "") -> list:
    """sampling.n completions for each prompt (a list of token ids), in the prompts' order.

    token_ids are those that `tokenizer` reads in the text, since servers do not tell theirs. UserError when no address
    is left, or the servers cannot take the request.
    """
    from tqdm import tqdm

    sent = [_as_text(tokenizer, ids) for ids in prompts] if endpoint.as_text else prompts
    with tqdm(total=len(prompts), desc=description, unit="prompt", mininterval=2, disable=not description) as bar:
        return asyncio.run(_complete(endpoint, endpoint.name(model), tokenizer, sent, sampling, bar))


def _as_text(tokenizer, ids):
    """The text of a rendered prompt, when it is read back as the same tokens."""
    text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    if score.completion_ids(tokenizer, text) != ids:
        raise cli.UserError("--endpoint_text: a prompt's text is not read back as its tokens; send token ids.")
    return text


def _spec(url):
    """One address as common/llm.py knows it, which finds its key."""
    return llm.Spec("openai", "", (url,))


@contextlib.asynccontextmanager
async def _clients(endpoint, **settings):
    """A client for each address, closed at the end."""
    import openai

    keys = [llm.find_key(_spec(url)) for url in endpoint.urls]
    made = [
        openai.AsyncOpenAI(api_key=key, base_url=url, **settings) for key, url in zip(keys, endpoint.urls, strict=True)
    ]
    try:
        yield made
    finally:
        for client in made:
            await client.close()


async def _require(endpoint, names):
    import openai

    async with _clients(endpoint, max_retries=1, timeout=FIRST_SECONDS) as clients:
        for client, url in zip(clients, endpoint.urls, strict=True):
            try:
                have = [one.id async for one in client.models.list()]
            except openai.APIConnectionError as error:
                raise _unreachable([url], error) from None
            except openai.APIStatusError as error:
                raise _refused(url, error) from None
            except (openai.APIError, AttributeError, TypeError, ValueError):  # a web page, most likely
                raise cli.UserError(f"{url}/models lists no models; is that an OpenAI-compatible server?") from None
            missing = [name for name in names if name not in have]
            if missing:
                raise cli.UserError(
                    f"{url} has no model {', '.join(missing)}, only {', '.join(have)}; name what it has, for example "
                    f"--endpoint_models sft={have[0] if have else 'NAME'}."
                )


async def _complete(endpoint, name, tokenizer, prompts, sampling, bar):
    import openai

    made, todo, lost = [None] * len(prompts), deque(enumerate(prompts)), {}

    async def work(client):
        url = str(client.base_url)
        while todo and url not in lost:
            number, prompt = todo.popleft()
            try:
                made[number] = await _ask(client, endpoint, name, tokenizer, prompt, sampling, number)
                bar.update()
            except openai.APIConnectionError as error:
                todo.appendleft((number, prompt))
                lost[url] = error
            except openai.APIStatusError as error:
                raise _refused(url, error) from None

    async with _clients(endpoint, max_retries=RETRIES, timeout=SECONDS) as clients:
        while todo:  # again for those that an address lost while the others were at their end
            alive = [client for client in clients if str(client.base_url) not in lost]
            if not alive:
                raise _unreachable(endpoint.urls, next(reversed(lost.values())))
            try:
                async with asyncio.TaskGroup() as group:
                    for client in alive * AT_ONCE:
                        group.create_task(work(client))
            except ExceptionGroup as failed:  # the first of them ended the others
                raise failed.exceptions[0] from None
    return made


async def _ask(client, endpoint, name, tokenizer, prompt, sampling, number):
    """The completions of one prompt. Some servers give one, however many are asked for: they are asked again."""
    made = []
    while len(made) < sampling.n:
        reply = await client.completions.create(
            model=name,
            prompt=prompt,
            n=sampling.n - len(made),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_new_tokens,
            seed=prompt_seed(sampling, number) + len(made),
            stop=list(sampling.stop) or None,
            # The text has its special tokens; vLLM would put a BOS before it where a tokenizer has one.
            extra_body={"add_special_tokens": False} if endpoint.as_text else None,
        )
        if not getattr(reply, "choices", None):
            raise cli.UserError(f"{client.base_url} gives no completion of {name}; does it speak /v1/completions?")
        for choice in sorted(reply.choices, key=lambda one: one.index):
            text = choice.text.encode("utf-8", "replace").decode("utf-8")  # half a character can be kept in no file
            ids = score.text_ids(tokenizer, text)
            ended = [tokenizer.eos_token_id] if choice.finish_reason == "stop" else []
            made.append(Completion(text, ids + ended, choice.finish_reason))
    return made[: sampling.n]


def _unreachable(urls, error):
    said = str(error.__cause__ or error)
    for url in urls:
        said = llm.without_key(said, llm.find_key(_spec(url)))
    said = said[:120].rstrip(".")
    return cli.UserError(f"no answer from {', '.join(urls)} ({said}); check --endpoint and that the server runs.")


def _refused(url, error):
    """What an HTTP error of a server asks of the user."""
    told = f"HTTP {error.status_code}: {llm.told_by(error, llm.find_key(_spec(url)))[1]}"
    if error.status_code in (401, 403):
        variable = llm.key_variable(_spec(url))
        return cli.UserError(f"{url} refuses the key in {variable} ({told}); set a valid one and run again.")
    if error.status_code == 404:
        return cli.UserError(f"{url} has no such model or no /v1/completions ({told}); see --endpoint_models.")
    if error.status_code < 500:
        return cli.UserError(f"{url} cannot take the request ({told}); see --endpoint_text.")
    return cli.UserError(f"{url} fails ({told}); mend the server and run the same command again.")
