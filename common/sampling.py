"""What is asked of whatever completes a prompt, an engine of our own or a server, and what it gives."""

from typing import NamedTuple


class Completion(NamedTuple):
    """One sampled completion; finish_reason is 'stop' (ended by itself) or 'length' (cut)."""

    text: str
    token_ids: list
    finish_reason: str


class Sampling(NamedTuple):
    """Decoding settings; temperature 0 is greedy. `stop` strings end a completion and are not part of its text."""

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    stop: tuple = ()


def prompt_seed(sampling: Sampling, number: int) -> int:
    """The seed of prompt `number` of a call: each has its own."""
    return sampling.seed * 1_000_003 + number
