"""Log-probs of completions: the right numbers, whatever the batches and chunks, and no large float32 logits."""

import os
import random
from types import SimpleNamespace

import pytest

from common import cli, files, model, score


@pytest.fixture(scope="module")
def network(tiny_base):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()


def some_rows(n, vocabulary):
    draw = random.Random(3)
    lengths = [(draw.randint(2, 30), draw.randint(1, 20)) for _ in range(n)]
    return [
        [[draw.randrange(vocabulary) for _ in range(size)] for size in sizes] for sizes in zip(*lengths, strict=True)
    ]


def one_by_one(network, prompts, completions):
    """The definition: a row at a time, from the whole logits."""
    import torch

    made = []
    for prompt, completion in zip(prompts, completions, strict=True):
        with torch.no_grad():
            logits = network(torch.tensor([prompt + completion])).logits[0].log_softmax(-1)
        made.append([logits[len(prompt) + i - 1, token].item() for i, token in enumerate(completion)])
    return made


def near(rows):
    """Rows of log-probs to compare with by ==, each number within 1e-4."""
    return [pytest.approx(row, abs=1e-4) for row in rows]


@pytest.mark.parametrize("kept, chunk", [(2**28, 2**26), (10, 2**26), (2**28, 3), (40, 7)])
def test_batches_and_chunks_change_no_number(network, monkeypatch, kept, chunk):
    """`kept` and `chunk` count places: of any size, one row at least is run and one place at least is turned."""
    vocabulary = network.config.vocab_size
    prompts, completions = some_rows(9, vocabulary)
    monkeypatch.setattr(score, "LOGITS", kept * vocabulary)
    monkeypatch.setattr(score, "CHUNK", chunk * vocabulary)
    expected = one_by_one(network, prompts, completions)
    assert score.completion_logprobs(network, prompts, completions) == near(expected)


def test_logits_of_a_batch_are_bounded_and_only_a_chunk_is_float32(network, monkeypatch):
    import torch

    vocabulary = network.config.vocab_size
    prompts, completions = some_rows(40, vocabulary)
    limit = 2 * max(map(len, completions)) * vocabulary
    monkeypatch.setattr(score, "LOGITS", limit)
    monkeypatch.setattr(score, "CHUNK", 8 * vocabulary)
    kept, turned = [], []
    network.register_forward_hook(lambda module, given, out: kept.append(out.logits.numel()))
    whole = torch.Tensor.float
    monkeypatch.setattr(torch.Tensor, "float", lambda self: turned.append(self.numel()) or whole(self))
    score.completion_logprobs(network, prompts, completions)
    batches = score._batches(prompts, completions, 8192, limit // vocabulary)
    assert sorted(i for batch in batches for i in batch) == list(range(40)) and len(batches) == len(kept) > 2
    for batch, size in zip(batches, kept, strict=True):
        assert size <= limit or len(batch) == 1
    assert turned and max(n for n in turned if n > vocabulary) <= 8 * vocabulary


def test_a_batch_has_at_most_so_many_tokens():
    prompts, completions = some_rows(60, 100)
    for batch in score._batches(prompts, completions, 120, 10**9):
        assert len(batch) * max(len(prompts[i]) + len(completions[i]) for i in batch) <= 120


def test_another_process_gives_the_same_numbers(tiny_base, network):
    prompts, completions = some_rows(5, network.config.vocab_size)
    jobs = [(str(tiny_base), prompts, completions), (str(tiny_base), prompts[:2], completions[:2])]
    found = score.score_apart(jobs, "float32")
    expected = score.completion_logprobs(network, prompts, completions)
    assert found[0] == near(expected) and found[1] == near(expected[:2])


def die(jobs, dtype, shown):
    os._exit(9)


def test_a_killed_scorer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(score, "_score_jobs", die)
    with pytest.raises(cli.UserError, match="was killed, most often for want of memory"):
        score.score_apart([], "float32")


def test_references_of_jobs_that_are_not_done_are_scored(tiny_base, network, tmp_path):
    from common.domain import load_domain
    from eval import answer

    args = answer.parse_args(["--out", str(tmp_path), "--reference_rows", "3", "--dtype", "float32"])
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    rows = domain.load_benchmark("dev")[:5]
    engine = SimpleNamespace(kind="hf", path=lambda name: str(tiny_base), weights=lambda name: {"weights": name})
    where = (args, tmp_path / "answers", domain, engine, tokenizer, rows)
    jobs = [answer.make_job(*where, name, "chat") for name in ("base", "sft")]
    assert [job.path.name for job in jobs] == ["base_chat.jsonl", "sft.jsonl"]
    files.write_jsonl(jobs[0].path, [{}])
    files.write_json(tmp_path / "answers/base_chat.made_with.json", jobs[0].made_with)
    found = answer.reference_scores(args, engine, tokenizer, rows, jobs)
    assert list(found) == [jobs[1].path] and found[jobs[1].path][3:] == [None, None]
    completions = [score.completion_ids(tokenizer, row["completion"]) for row in rows[:3]]
    expected = one_by_one(network, jobs[1].prompts[:3], completions)
    assert found[jobs[1].path][:3] == near(expected)
