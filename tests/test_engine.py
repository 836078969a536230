"""Decoding with transformers' generate: the distribution drawn from, seeds, stops, and what must not matter.

And what an engine decides before it loads anything: adapters at run time or merged weights, and in which dtype.
"""

import shutil
import sys
from types import SimpleNamespace

import pytest

from common import chat, cli, files, model
from common.domain import load_domain
from common.engine import Engine, _processors, complete
from common.sampling import Sampling


def draw(probabilities, n, **settings):
    """{token: share} of n draws from a distribution over a few tokens."""
    import torch

    logits = torch.tensor(probabilities).log().expand(n, -1)
    drawn = _processors(Sampling(n=n, **settings), [1], "cpu")(None, logits).argmax(-1)
    return torch.bincount(drawn, minlength=len(probabilities)).div(n).tolist()


def test_draws_follow_the_distribution():
    expected = [0.5, 0.0, 0.3, 0.15, 0.05]
    found = draw(expected, 40000, temperature=1.0)
    assert found == pytest.approx(expected, abs=0.01) and found[1] == 0


def test_temperature_sharpens_by_its_power():
    squared = [0.49, 0.04, 0.01]
    found = draw([0.7, 0.2, 0.1], 40000, temperature=0.5)
    assert found == pytest.approx([value / sum(squared) for value in squared], abs=0.01)


def test_top_p_draws_the_smallest_set_that_reaches_it_and_nothing_else():
    found = draw([0.05, 0.5, 0.15, 0.3], 40000, temperature=1.0, top_p=0.7)
    assert found == pytest.approx([0, 0.5 / 0.8, 0, 0.3 / 0.8], abs=0.01) and found[0] == found[2] == 0


@pytest.fixture(scope="module")
def network(tiny_base):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)


def test_each_prompt_draws_from_a_seed_of_its_own_whatever_it_is_read_with(network, tiny_base):
    tokenizer, sampling = model.load_tokenizer(tiny_base), Sampling(n=3, temperature=1.0, max_new_tokens=12, seed=4)
    prompts = [[5, 6, 7], [5, 6, 7], [8] * 30]
    made = complete(network, tokenizer, prompts, sampling)
    texts = [[one.text for one in completions] for completions in made]
    assert texts[0] != texts[1] and len(set(texts[0])) == 3, "equal prompts, or one's samples, share their draws"
    assert [one.text for one in complete(network, tokenizer, prompts[:1], sampling)[0]] == texts[0]
    assert complete(network, tokenizer, prompts, sampling) == made
    assert complete(network, tokenizer, prompts, sampling._replace(seed=5)) != made


def test_samples_of_a_prompt_go_on_from_one_reading_of_it(network, tiny_base):
    """Greedy, so that each of several is what one alone is, whatever the padding and the length of a prompt."""
    tokenizer, prompts = model.load_tokenizer(tiny_base), [[9], [5, 6, 7], list(range(20, 60))]
    alone = complete(network, tokenizer, prompts, Sampling(max_new_tokens=12))
    assert complete(network, tokenizer, prompts, Sampling(n=3, max_new_tokens=12)) == [one * 3 for one in alone]
    assert complete(network, tokenizer, prompts[:1], Sampling(n=3, max_new_tokens=12)) == [alone[0] * 3]


def test_a_models_own_sampling_defaults_do_not_count_and_are_put_back(network, tiny_base):
    tokenizer = model.load_tokenizer(tiny_base)
    expected = complete(network, tokenizer, [[5, 6, 7]], Sampling(max_new_tokens=40))
    own = {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "max_length": 4, "top_k": 1, "do_sample": True}
    before = {name: getattr(network.generation_config, name) for name in own}
    network.generation_config.update(**own)
    network.train()
    try:
        assert complete(network, tokenizer, [[5, 6, 7]], Sampling(max_new_tokens=40)) == expected
        assert network.generation_config.repetition_penalty == 9.0 and network.training
    finally:
        network.generation_config.update(**before)
        network.eval()


def test_a_stop_string_ends_an_answer_before_it(network, tiny_base):
    tokenizer = model.load_tokenizer(tiny_base)
    tokenizer.pad_token = "<|endoftext|>"  # not the token that ends an answer, so the padding after it shows
    prompts, sampling = [[9, 10], [5, 6, 7]], Sampling(temperature=1.0, max_new_tokens=40, seed=1)
    whole = [one[0] for one in complete(network, tokenizer, prompts, sampling)]
    assert [one.finish_reason for one in whole] == ["length", "length"] and whole[0].text != whole[1].text
    stop = next(part for i in range(6, 30) if (part := whole[0].text[i : i + 3]) not in whole[1].text)
    first, other = (one[0] for one in complete(network, tokenizer, prompts, sampling._replace(stop=("\0", stop))))
    assert other == whole[1] and (first.text, first.finish_reason) == (whole[0].text.split(stop)[0], "stop")
    assert first.token_ids == whole[0].token_ids[: len(first.token_ids)] and len(first.token_ids) < 40


def test_greedy_answers_are_those_of_each_prompt_alone(tiny_base):
    """Prompts of different length in one batch, so that padding and positions matter."""
    import torch
    from transformers import AutoModelForCausalLM

    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    texts = [domain.few_shot_prompt(row)[0] for row in domain.load_benchmark("dev")[:6]]
    texts += ["The sum of 3 and 4 is", "SELECT"]
    prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert len({len(prompt) for prompt in prompts}) > 4
    made = Engine(str(tiny_base), {}, "hf", "float32").generate("base", prompts, Sampling(max_new_tokens=24), "test")
    network = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()
    stop = chat.stop_token_id(tokenizer)
    for prompt, (completion,) in zip(prompts, made, strict=True):
        with torch.no_grad():
            whole = network.generate(
                torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=stop, pad_token_id=0
            )
        expected = whole[0, len(prompt) :].tolist()
        assert completion.token_ids == (expected[:-1] if expected[-1] == stop else expected)


@pytest.mark.parametrize("kind", ["hf", "vllm"])
def test_a_prompt_longer_than_the_context_is_one_sentence_before_anything_is_loaded(tiny_base, kind):
    engine = Engine(str(tiny_base), {}, kind, "float32")
    longest = files.read_json(tiny_base / "config.json")["max_position_embeddings"]
    with pytest.raises(cli.UserError, match=f"1 of 2 prompts .* number 2 with {longest} tokens.* at most {longest};"):
        engine.generate("base", [[5] * (longest - 1), [5] * longest], Sampling(), "test")
    assert engine.model is None


@pytest.mark.parametrize("ranks, expected", [([8, 16], 16), ([20], 32), ([128, 64], 128), ([65], 128), ([512], 512)])
def test_the_engine_takes_the_adapters_own_rank(tmp_path, ranks, expected):
    for i, rank in enumerate(ranks):
        files.write_json(tmp_path / str(i) / "adapter_config.json", {"r": rank, "rank_pattern": {}})
    assert model.lora_rank([tmp_path / str(i) for i in range(len(ranks))]) == expected


def test_a_single_layer_of_a_higher_rank_counts(tmp_path):
    files.write_json(tmp_path / "adapter_config.json", {"r": 8, "rank_pattern": {"q_proj": 100}})
    assert model.lora_rank([tmp_path]) == 128
    files.write_json(tmp_path / "adapter_config.json", {"r": 513, "rank_pattern": {}})
    with pytest.raises(cli.UserError, match="rank 513 is more than vLLM serves"):
        model.lora_rank([tmp_path])


def an_adapter(folder, base, **config):
    """An adapter folder as far as an engine looks at it before it loads anything."""
    files.write_json(folder / "adapter_config.json", {"r": 8, **config})
    shutil.copytree(base, folder / "merged")
    return {"sft": folder}


def on_a_gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_a_gpu_applies_adapters_in_16_bits_and_computes_all_else_as_asked(tiny_base, tmp_path, monkeypatch, capsys):
    """vLLM's kernels for adapters assert fp16 or bf16, and recipes/cpu.yaml asks for float32."""
    adapters = an_adapter(tmp_path / "sft", tiny_base)
    assert Engine(str(tiny_base), adapters, "vllm", "float32").dtype == "float32"
    on_a_gpu(monkeypatch)
    assert Engine(str(tiny_base), adapters, "hf", "float32").dtype == "float32"
    assert Engine(str(tiny_base), {}, "vllm", "float32").dtype == "float32"
    assert capsys.readouterr().out == ""
    engine = Engine(str(tiny_base), adapters, "vllm", "float32")
    assert engine.by_request and engine.dtype == "bfloat16" and "not in float32" in capsys.readouterr().out


def test_a_gpu_takes_the_merged_weights_of_dora_which_vllm_refuses_at_run_time(tiny_base, tmp_path, monkeypatch):
    on_a_gpu(monkeypatch)
    adapters = an_adapter(tmp_path / "sft", tiny_base) | {"dpo": tmp_path / "dpo"}
    an_adapter(tmp_path / "dpo", tiny_base, use_dora=True)
    engine = Engine(str(tiny_base), adapters, "vllm", "float32")
    assert not engine.by_request and engine.dtype == "float32"


def test_what_answers_is_also_the_base_that_an_adapter_is_applied_to(tiny_base, tmp_path, monkeypatch):
    """Or a change of --base_weights would ask the base again, and keep the others' answers over the other base."""
    adapters, other = an_adapter(tmp_path / "sft", tiny_base), tmp_path / "plain"
    shutil.copytree(tiny_base, other)
    files.write_json(other / "config.json", {**files.read_json(other / "config.json"), "of": "another base"})
    merged = {"weights": model.fingerprint(str(tmp_path / "sft/merged"))}

    def named(base, kind):
        return Engine(str(base), adapters, kind, "bfloat16").weights("sft")

    assert named(tiny_base, "vllm") == named(other, "vllm") == merged, "the records of a CPU stay as they are"
    on_a_gpu(monkeypatch)
    assert named(tiny_base, "hf") == named(other, "hf") == merged
    assert named(tiny_base, "vllm") == {**merged, "applied_to": model.fingerprint(str(tiny_base))}
    assert named(other, "vllm") != named(tiny_base, "vllm")
    assert Engine(str(other), adapters, "vllm").weights("base") == {"weights": model.fingerprint(str(other))}


def test_vllm_reads_the_files_that_were_hashed_of_a_base_on_the_hub(tiny_base, monkeypatch):
    """By its name it would fetch all files, and of Mistral's take those that nothing else here reads."""
    from common import engine as module

    asked, state = {}, SimpleNamespace(cleanup_dist_env_and_memory=None)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=lambda **given: asked.update(given)))
    monkeypatch.setitem(sys.modules, "vllm.distributed.parallel_state", state)
    monkeypatch.setattr(module, "vllm_environment", lambda on_gpu: {})
    monkeypatch.setattr(module, "context_length", lambda name: 512)
    monkeypatch.setattr(module, "local_folder", lambda name: {"some/base": tiny_base}[name])
    Engine("some/base", {}, "vllm", "float32")._load_vllm("base")
    assert asked["model"] == str(tiny_base) and asked["dtype"] == "float32" and not asked["enable_lora"]


def test_the_model_before_is_dropped_before_another_is_loaded(tiny_base, tmp_path, monkeypatch):
    """Two of 7B in bf16 would be in memory."""
    import weakref

    from transformers import AutoModelForCausalLM

    engine, load = Engine(str(tiny_base), an_adapter(tmp_path / "sft", tiny_base), "hf", "float32"), []
    engine.generate("base", [[5]], Sampling(max_new_tokens=1))
    before, make = weakref.ref(engine.model), AutoModelForCausalLM.from_pretrained

    def loading(*given, **named):
        load.append(before() is None)
        return make(*given, **named)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", loading)
    engine.generate("sft", [[5]], Sampling(max_new_tokens=1))
    engine.generate("sft", [[5]], Sampling(max_new_tokens=1))
    assert load == [True] and engine.loaded == "sft"
