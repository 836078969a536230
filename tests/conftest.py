"""What several tests share: a tiny base, made on the spot, a local provider of models, a domain of one's own."""

import sys

import pytest
from provider import KEY, Provider

import domains
from common import domain as finder

# In SmolLM2's manner: ChatML, every turn with a line break after it, and a system message when none is given.
CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are of use.<|im_end|>\n' }}"
    "{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def pytest_collection_modifyitems(items):
    """The longest file first, so that the other files run beside it (bash test.sh)."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture
def serve(monkeypatch):
    """A function that starts a Provider as it is told; LLM_API_KEY is KEY, and all are stopped at the end."""
    monkeypatch.setenv("LLM_API_KEY", KEY)
    started = []

    def start(*given, **settings):
        started.append(Provider(*given, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def add_domain(tmp_path, monkeypatch):
    """A function that writes the source of a domain to a folder where it is found by its name, which it returns."""
    added, folder = [], tmp_path / "domains"

    def add(name, source):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source, encoding="utf-8")
        monkeypatch.setattr(finder, "DOMAINS", folder)
        monkeypatch.setattr(domains, "__path__", [*domains.__path__, str(folder)])
        added.append(name)
        return name

    yield add
    for name in added:
        sys.modules.pop(f"domains.{name}", None)
        vars(domains).pop(name, None)


def byte_tokenizer(texts, special, size=800):
    """A byte-level BPE of `size` tokens trained on `texts`, whose first ids are the tokens `special`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made


def write_tiny_base(folder):
    """A random Llama (hidden size 64, 2 layers) with a ChatML tokenizer whose pad token is its eos, always the same."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from common.domain import load_domain

    rows = load_domain("text_to_sql").load_benchmark("dev")[:200]
    texts = [row["prompt"] + "\n" + row["completion"] for row in rows]
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(texts, special),
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
    )
    tokenizer.chat_template = CHATML
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LlamaForCausalLM(config).to(torch.bfloat16)
    # Named only now: a new model makes the row of its pad token zero, and this one is the stop token's as well.
    network.config.pad_token_id = network.generation_config.pad_token_id = tokenizer.pad_token_id
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """The folder of write_tiny_base's model."""
    folder = tmp_path_factory.mktemp("tiny") / "base"
    write_tiny_base(folder)
    return folder
