"""serve/smoke.py on a real server of a tiny model with a real adapter: transformers serve by the openai client."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import cli, files, model
from serve import guard, launch, smoke

CHECKS = ["the model is listed", "an answer", "the same as a stream", "8 at once", "an unknown model is refused",
          "too long a prompt is refused", "a wrong key is refused", "it still answers"]  # fmt: skip


def train_adapter(base, folder, root=cli.ROOT):
    """An adapter of random weights over `base` (a path from `root`), as train/dpo.py leaves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    here = Path(root) / base
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = AutoModelForCausalLM.from_pretrained(here, dtype=torch.float32)
        config = LoraConfig(r=8, lora_alpha=32, target_modules="all-linear", init_lora_weights=False)
        get_peft_model(network, config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (here / name).is_file():
            shutil.copy(here / name, folder)
    model.write_lineage(folder, "dpo", str(here))


@pytest.fixture
def trained(tmp_path, tiny_base):
    """The flags of a server of such an adapter."""
    train_adapter(tiny_base, tmp_path / "o/dpo")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    return ["--out", str(tmp_path / "o"), "--base", str(tiny_base), "--port", str(port), "--dtype", "float32"]


@pytest.mark.slow
def test_transformers_serve_passes_every_check_with_the_adapter_at_run_time(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    monkeypatch.setattr(smoke, "say", remember := Remember(smoke.say))
    smoke.main(
        smoke.parse_args([*trained, "--engine", "hf", "--n", "8", "--max_tokens", "12", "--max_model_len", "600"])
    )
    result = files.read_json(tmp_path / "o/eval/smoke.json")
    assert list(result["checks"]) == CHECKS and all(one["ok"] for one in result["checks"].values())
    assert result["engine"] == "transformers serve" and "0 of 8 checks failed" in capsys.readouterr().out
    key = os.environ["VLLM_API_KEY"]
    assert key not in json.dumps(result) and key not in (tmp_path / "o/serve.log").read_text(errors="replace")
    messages, text = remember.first
    assert text == answer(tmp_path / "o/dpo", trained[3], messages, 12) != answer(None, trained[3], messages, 12)


class Remember:
    """smoke.say, and what its first answer was."""

    def __init__(self, ask):
        self.ask, self.first = ask, None

    def __call__(self, client, name, messages, most):
        said = self.ask(client, name, messages, most)
        self.first = self.first or (messages, said[0])
        return said


def answer(adapter, base, messages, most):
    """The greedy answer of the base, with the adapter where there is one, by generate in this process."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network, tokenizer = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), model.load_tokenizer(base)
    network = PeftModel.from_pretrained(network, adapter).eval() if adapter else network.eval()
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = network.generate(**asked, max_new_tokens=most, do_sample=False, eos_token_id=tokenizer.eos_token_id)
    return tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)


def test_auto_takes_transformers_where_vllm_is_not_installed(trained, monkeypatch):
    monkeypatch.setattr(launch, "choose_engine", lambda name: "hf" if name == "auto" else name)
    plan = launch.prepare(launch.parse_args(trained))
    assert plan.engine == "transformers serve" and plan.name == "dpo" and plan.command[1].endswith("serve/hf.py")
    assert plan.command[2:4] == [trained[3], str(plan.folder)] and plan.environment[guard.HOST] == "127.0.0.1"
    rows = launch.load_domain("text_to_sql").load_benchmark("dev")
    domain = SimpleNamespace(SYSTEM_PROMPT="Answer.", load_benchmark=lambda split: iter(rows))
    (curl,) = launch.example_curls(plan, domain)
    assert "/v1/chat/completions" in curl and "add_special_tokens" not in curl
    model.write_lineage(plan.folder, "dpo", str(plan.folder))
    with pytest.raises(cli.UserError, match="base"):
        launch.prepare(launch.parse_args(trained))


def test_transformers_serve_by_hand_guards_the_address_it_listens_on(monkeypatch):
    """Whatever SERVE_HOST says, and before the model is loaded."""
    from serve import hf

    seen = []
    monkeypatch.setattr(hf, "build_app", lambda args: seen.append(guard.Guard(None).alone))
    monkeypatch.setitem(sys.modules, "uvicorn", SimpleNamespace(run=lambda app, **more: None))
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    monkeypatch.setenv(guard.HOST, "")
    hf.main(hf.parse_args(["base", "dpo", "--port", "18473"]))
    monkeypatch.setenv(guard.HOST, "127.0.0.1")
    outside = hf.parse_args(["base", "dpo", "--host", "0.0.0.0", "--port", "18473"])
    with pytest.raises(cli.UserError, match="can be reached from other machines; set VLLM_API_KEY"):
        hf.main(outside)
    assert seen == [True]
    monkeypatch.setenv("VLLM_API_KEY", "key")
    hf.main(outside)
    assert seen == [True, False], "whoever set SERVE_HOST did not start this server"


def test_a_check_that_fails_is_told_and_the_exit_code_is_1(tmp_path, monkeypatch, capsys):
    seen = {"an answer": [True, "9 characters"], "a wrong key is refused": [False, "answered"]}
    plan = launch.Plan([sys.executable], {}, "dpo", tmp_path, "http://x", tmp_path / "log", 1)
    monkeypatch.setattr(launch, "prepare", lambda args: plan)
    monkeypatch.setattr(launch, "running", lambda *given: open(os.devnull))  # noqa: SIM115
    monkeypatch.setattr(smoke, "ask_all", lambda *given: seen)
    with pytest.raises(SystemExit) as ended:
        smoke.main(smoke.parse_args(["--out", str(tmp_path)]))
    assert ended.value.code == 1 and "FAIL a wrong key is refused: answered" in capsys.readouterr().out
    assert files.read_json(tmp_path / "eval/smoke.json")["checks"]["an answer"]["ok"] is True


def test_serve_sh_takes_the_engine(tmp_path):
    done = subprocess.run(["bash", "serve.sh", "--engine", "other", "--out", tmp_path], cwd=cli.ROOT, text=True,
                          capture_output=True, env={**os.environ, "SERVE_PYTHON": sys.executable})  # fmt: skip
    assert done.returncode == 2 and "--engine" in done.stderr and "hf" in done.stderr
