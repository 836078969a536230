"""GGUF files into model folders: what is refused in one sentence, and that the default base really speaks."""

import json

import pytest

from common import cli, files
from train import from_gguf

BASE = cli.ROOT / "models/smollm2-135m"


def write_gguf(path, architecture="llama", weights=True):
    """A tiny GGUF file of this architecture."""
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    if weights:
        writer.add_tensor("token_embd.weight", np.zeros((8, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def refused(*flags):
    with pytest.raises(cli.UserError) as caught:
        from_gguf.main(from_gguf.parse_args(list(map(str, flags))))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_another_architecture_is_refused(tmp_path):
    path = write_gguf(tmp_path / "a.gguf", "gpt2")
    assert "architecture 'gpt2'; only llama" in refused(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(b"PK\x03\x04 not a model at all" * 10)
    assert "is no GGUF file" in refused(path, tmp_path / "model")


def test_a_checksum_that_differs_is_refused_before_anything_is_read(tmp_path):
    path = write_gguf(tmp_path / "a.gguf", "gpt2")
    assert "damaged or another file" in refused(path, tmp_path / "model", "--sha256", "0" * 64)


def test_a_missing_file_and_a_folder_with_other_things_are_refused(tmp_path):
    assert "there is no file" in refused(tmp_path / "none.gguf", tmp_path / "model")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("mine")
    path = write_gguf(tmp_path / "a.gguf")
    assert "holds no model" in refused(path, tmp_path / "notes") and (tmp_path / "notes/a.txt").is_file()


def test_the_default_base_says_what_it_is():
    source = json.loads((BASE / "SOURCE.json").read_text(encoding="utf-8"))
    assert source["what"].startswith("SmolLM2-135M-Instruct") and "Q4_1 and dequantised" in source["what"]
    assert source["licence"] == "apache-2.0" and (BASE / "LICENSE").read_text().strip().startswith("Apache License")
    assert source["sha256"] in (cli.ROOT / "setup.sh").read_text(encoding="utf-8")
    assert {path.suffix for path in BASE.iterdir()} <= {".json", ".safetensors", ".jinja", ""}
    config = files.read_json(BASE / "config.json")
    assert "quantization_config" not in config and config["dtype"] == "bfloat16"


@pytest.mark.slow
def test_the_default_base_knows_a_capital():
    """Wrongly permuted or dequantised weights would still load, and would write nonsense."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network, tokenizer = AutoModelForCausalLM.from_pretrained(BASE), AutoTokenizer.from_pretrained(BASE)
    ids = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        said = network.generate(**ids, max_new_tokens=5, do_sample=False)[0]
        loss = network(
            **tokenizer("The sun rises in the east and sets in the west.", return_tensors="pt"),
            labels=tokenizer("The sun rises in the east and sets in the west.", return_tensors="pt").input_ids,
        )
    assert "Paris" in tokenizer.decode(said)
    assert loss.loss < 3  # nats per token; a broken model has about ln 49,152 = 10.8
