"""The server's launcher: what it refuses before it starts anything, what it prints, and one real vLLM server.

bash test.sh tests/test_launch.py -m "not slow"     without the real server
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from common import chat, cli, endpoint, files, model
from common.domain import load_domain
from common.sampling import Sampling
from serve import guard, launch, parity

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "models/smollm2-135m"


def write_weights(path, values=(0.0, 1.0)):
    """A small safetensors file."""
    import numpy
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": numpy.array(values, numpy.float32)}, path)


def make_trained(base, out, stage="dpo", rank=16, system=None, **config) -> Path:
    """An adapter folder with lineage and merged/, as train/dpo.py leaves it; the merged weights are the base's own."""
    folder = Path(out) / stage
    write_weights(folder / "adapter_model.safetensors")
    files.write_json(folder / "adapter_config.json", {"r": rank, **config})
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (Path(base) / name).is_file():
            shutil.copy(Path(base) / name, folder)
    model.write_lineage(folder, stage, str(base), system=system)
    shutil.copytree(base, folder / "merged")
    files.write_json(folder / "merged/lineage.json", model.read_lineage(folder))
    return folder


@pytest.fixture
def base(tmp_path):
    """A folder that looks like a base model to everything but an engine."""
    write_weights(tmp_path / "base/model.safetensors")
    files.write_json(tmp_path / "base/config.json", {"max_position_embeddings": 512})
    return tmp_path / "base"


def test_parity_is_of_an_adapter_that_was_evaluated(base, tmp_path):
    """Whatever its folder is called; a step, or another run's adapter, is refused in a sentence."""
    args = parity.parse_args(["--out", str(tmp_path / "o")])
    dpo, sft = make_trained(base, tmp_path / "o"), tmp_path / "o/sft/adapter_model.safetensors"
    write_weights(sft, (1.0, 2.0))
    inputs = {str(path): files.sha256(path) for path in (sft, dpo / "adapter_model.safetensors")}
    shutil.copytree(dpo, dpo / "steps/40", ignore=shutil.ignore_patterns("steps", "merged"))
    for folder, name in ((dpo, "dpo"), (sft.parent, "sft"), (dpo / "steps/40", "dpo")):
        assert parity.evaluated(args, folder, {"inputs": inputs}) == name
    write_weights(dpo / "steps/40/adapter_model.safetensors", (3.0, 4.0))
    with pytest.raises(cli.UserError, match="are not of .*steps/40: eval/answer.py asks the sft and the dpo of a run"):
        parity.evaluated(args, dpo / "steps/40", {"inputs": inputs})


def test_parity_takes_the_engine_of_a_recipe_and_refuses_transformers_serve(tmp_path):
    recipe = tmp_path / "mine.yaml"
    for engine in ("auto", "vllm"):
        recipe.write_text(f"serve: {{engine: {engine}}}\n", encoding="utf-8")
        assert parity.parse_args(["--recipe", str(recipe)]).engine == "vllm"
    recipe.write_text("serve: {engine: hf}\n", encoding="utf-8")
    with pytest.raises(cli.UserError, match="tells no token ids, .* give --engine vllm"):
        parity.parse_args(["--recipe", str(recipe)])


@pytest.fixture
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(autouse=True)
def cpu_build_without_key(monkeypatch):
    """Whatever is installed here, the checks are those of a CPU machine, and no key is set."""
    monkeypatch.setattr(launch, "engine_build", lambda: "cpu")
    monkeypatch.delenv("VLLM_API_KEY", raising=False)


def prepare(tmp_path, base, *flags):
    return launch.prepare(launch.parse_args(["--out", str(tmp_path / "o"), "--base", str(base), *map(str, flags)]))


def refusal(tmp_path, base, *flags):
    """The sentence with which the launcher refuses to start."""
    with pytest.raises(cli.UserError) as caught:
        prepare(tmp_path, base, *flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_trained_yet_names_the_command(tmp_path, base):
    assert f"run bash run.sh --out {tmp_path / 'o'} first" in refusal(tmp_path, base)


def test_before_any_training_the_script_ends_with_one_sentence_and_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "serve/launch.py", "--out", tmp_path / "o"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: nothing has been trained in ") and not (tmp_path / "o").exists()


def test_adapter_without_merged_weights_names_the_command(tmp_path, base):
    folder = make_trained(base, tmp_path / "o")
    shutil.rmtree(folder / "merged")
    assert f"python train/merge.py --adapter {folder}" in refusal(tmp_path, base)


def test_merged_weights_of_an_earlier_adapter_are_refused(tmp_path, base):
    folder = make_trained(base, tmp_path / "o")
    write_weights(folder / "adapter_model.safetensors", (2.0, 3.0))
    model.write_lineage(folder, "dpo", str(base))
    assert "merged from an earlier adapter" in refusal(tmp_path, base)


def test_half_written_adapter_is_refused(tmp_path, base):
    folder = make_trained(base, tmp_path / "o")
    (folder / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors" in refusal(tmp_path, base)


@pytest.mark.parametrize("change", ["cut", "empty", "gone"])
def test_half_written_merged_weights_are_refused(tmp_path, base, change):
    weights = make_trained(base, tmp_path / "o") / "merged/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] if change == "cut" else b"")
    if change == "gone":
        weights.unlink()
    assert "missing or half-written" in refusal(tmp_path, base) and str(weights) in refusal(tmp_path, base)


def test_missing_part_of_sharded_weights_is_refused(tmp_path, base, free_port):
    merged = make_trained(base, tmp_path / "o") / "merged"
    shutil.move(merged / "model.safetensors", merged / "one.safetensors")
    index, parts = merged / "model.safetensors.index.json", {"a": "one.safetensors"}
    files.write_json(index, {"weight_map": parts})
    prepare(tmp_path, base, "--port", free_port)
    files.write_json(index, {"weight_map": {**parts, "b": "two.safetensors"}})
    assert "two.safetensors is missing" in refusal(tmp_path, base)


def test_adapter_of_another_base_is_refused(tmp_path, base):
    make_trained(base, tmp_path / "o")
    write_weights(tmp_path / "other/model.safetensors", (5.0, 6.0))
    files.write_json(tmp_path / "other/config.json", {})
    assert f"not on {tmp_path / 'other'}" in refusal(tmp_path, tmp_path / "other")
    assert "no model in" in refusal(tmp_path, tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["cpu", "gpu", "hf"])
def test_an_adapter_trained_under_another_system_prompt_is_refused(tmp_path, base, free_port, monkeypatch, kind):
    """The printed questions, and whoever asks as they do, would send a prompt that it was not trained with."""
    monkeypatch.setattr(launch, "engine_build", lambda: kind)
    today = load_domain("text_to_sql").SYSTEM_PROMPT
    flags = ("--port", free_port, "--engine", "hf" if kind == "hf" else "vllm")
    make_trained(base, tmp_path / "o", system=today)
    prepare(tmp_path, base, *flags)
    if kind == "gpu":  # the SFT model is served beside it
        make_trained(base, tmp_path / "o", "sft", system=f"{today} Be brief.")
        assert f"{tmp_path / 'o/sft'} was trained under another system prompt" in refusal(tmp_path, base, *flags)
        shutil.rmtree(tmp_path / "o/sft")
    shutil.rmtree(tmp_path / "o/dpo")
    make_trained(base, tmp_path / "o", system=f"{today} Be brief.")
    said = refusal(tmp_path, base, *flags)
    assert f"{tmp_path / 'o/dpo'} was trained under another system prompt" in said and "--domain" in said


def test_port_in_use_is_refused(tmp_path, base):
    make_trained(base, tmp_path / "o")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        message = refusal(tmp_path, base, "--port", taken.getsockname()[1])
        assert f"port {taken.getsockname()[1]}" in message and "in use" in message and "--port" in message


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_number_that_is_no_port_is_refused(tmp_path, base, port):
    make_trained(base, tmp_path / "o")
    assert f"--port {port} is no port" in refusal(tmp_path, base, f"--port={port}")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "some.host"])
def test_other_machines_are_let_in_only_with_a_key(tmp_path, base, host, monkeypatch):
    make_trained(base, tmp_path / "o")
    assert "VLLM_API_KEY" in refusal(tmp_path, base, "--host", host)
    monkeypatch.setenv("VLLM_API_KEY", "")
    assert "VLLM_API_KEY" in refusal(tmp_path, base, "--host", host)


def test_address_of_another_machine_is_refused(tmp_path, base, free_port, monkeypatch):
    make_trained(base, tmp_path / "o")
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert "cannot listen on 192.0.2.1" in refusal(tmp_path, base, "--host", "192.0.2.1", "--port", free_port)
    assert "http://localhost:" in prepare(tmp_path, base, "--host", "0.0.0.0", "--port", free_port).url


@pytest.mark.parametrize("key", ["with blank", "line\n", "schlüssel", "\u2019", "tab\t"])
def test_a_key_that_no_request_can_carry_is_refused(tmp_path, base, key, monkeypatch):
    make_trained(base, tmp_path / "o")
    monkeypatch.setenv("VLLM_API_KEY", key)
    assert "VLLM_API_KEY has a character" in refusal(tmp_path, base)


def test_no_vllm_here_says_what_serves_instead(monkeypatch):
    monkeypatch.undo()

    def nothing(name):
        raise launch.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(launch.importlib.metadata, "version", nothing)
    with pytest.raises(cli.UserError, match="transformers serve"):
        launch.engine_build()


def flag(plan, name):
    return plan.command[plan.command.index(name) + 1]


def test_a_cpu_serves_the_merged_model_under_the_adapters_name(tmp_path, base, free_port):
    folder = make_trained(base, tmp_path / "o")
    plan = prepare(tmp_path, base, "--port", free_port)
    assert flag(plan, "--model") == str(folder / "merged") and flag(plan, "--served-model-name") == "dpo" == plan.name
    assert flag(plan, "--dtype") == "float32"
    assert "--enforce-eager" in plan.command and "--enable-lora" not in plan.command
    assert flag(plan, "--generation-config") == "vllm"
    assert flag(plan, "--host") == "127.0.0.1" and flag(plan, "--max-model-len") == "512"
    sft = make_trained(base, tmp_path / "o", "sft")
    plan = prepare(tmp_path, base, "--port", free_port, "--adapter", sft, "--max_model_len", 100, "--dtype", "bfloat16")
    assert flag(plan, "--served-model-name") == "sft"
    assert (flag(plan, "--max-model-len"), flag(plan, "--dtype")) == ("100", "bfloat16")


def test_a_gpu_serves_the_base_with_both_adapters(tmp_path, base, free_port, monkeypatch, capsys):
    monkeypatch.setattr(launch, "engine_build", lambda: "gpu")
    out = tmp_path / "o"
    folders = {stage: make_trained(base, out, stage, rank) for stage, rank in (("sft", 16), ("dpo", 24))}
    shutil.rmtree(folders["dpo"] / "merged")  # not needed there
    plan = prepare(tmp_path, base, "--port", free_port)
    start = plan.command.index("--lora-modules")
    assert plan.command[start + 1 : start + 3] == [f"sft={folders['sft']}", f"dpo={folders['dpo']}"]
    assert flag(plan, "--model") == str(base) and flag(plan, "--served-model-name") == "base"
    assert flag(plan, "--tokenizer") == str(folders["dpo"]) and flag(plan, "--max-lora-rank") == "32"
    # The recipe of the CPU asks for float32, which vLLM's adapter kernels refuse at the first request.
    monkeypatch.setattr(model, "trained_base", lambda *given: "some/base")
    monkeypatch.setattr(model, "local_folder", lambda name: base if name == "some/base" else Path(name))
    assert flag(prepare(tmp_path, base, "--port", free_port), "--model") == str(base), "not by its name on the Hub"
    assert flag(plan, "--dtype") == "bfloat16" and "bfloat16" in capsys.readouterr().out
    write_weights(folders["sft"] / "adapter_model.safetensors", (7.0, 8.0))
    assert "sft" in refusal(tmp_path, base, "--port", free_port)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_gpu_serves_the_merged_model_of_dora_which_vllm_refuses(
    tmp_path, base, free_port, monkeypatch, capsys, stage
):
    monkeypatch.setattr(launch, "engine_build", lambda: "gpu")
    for one in ("sft", "dpo"):
        make_trained(base, tmp_path / "o", one, use_dora=one == stage)
    merged = tmp_path / "o/dpo/merged"
    plan = prepare(tmp_path, base, "--port", free_port)
    assert flag(plan, "--model") == str(merged) == str(plan.folder) and flag(plan, "--served-model-name") == "dpo"
    assert not {"--enable-lora", "--lora-modules", "--enforce-eager"} & set(plan.command)
    assert flag(plan, "--dtype") == "float32" and flag(plan, "--max-model-len") == "512"
    assert f"applies no DoRA adapter at run time, so this serves {merged} alone" in capsys.readouterr().out
    shutil.rmtree(merged)
    assert "python train/merge.py --adapter" in refusal(tmp_path, base, "--port", free_port)


def test_nothing_is_sent_anywhere_and_the_users_settings_stay(base, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    made = launch.environment(str(base), "127.0.0.1")
    assert made["VLLM_NO_USAGE_STATS"] == made["HF_HUB_OFFLINE"] == "1" and made["VLLM_CPU_KVCACHE_SPACE"] == "7"
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "HF_HUB_OFFLINE" not in launch.environment("Qwen/Qwen2.5-7B", "::1")


def test_the_guard_is_loaded_from_any_folder_and_told_the_address(tmp_path, base, free_port, monkeypatch):
    make_trained(base, tmp_path / "o")
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    plan = prepare(tmp_path, base, "--port", free_port, "--host", "0.0.0.0")
    module, name = flag(plan, "--middleware").rsplit(".", 1)
    code = f"import sys, {module} as m; g = m.{name}(None); print(g.alone, g.key, '/elsewhere' in sys.path)"
    done = subprocess.run(
        [plan.command[0], "-c", code], cwd=tmp_path, env=plan.environment, capture_output=True, text=True
    )
    assert done.stdout == "False b'secret' True\n", done.stderr


def test_a_curl_survives_any_text_in_a_shell(monkeypatch):
    body = {"prompt": "it's \"x\" $HOME `id` \\n !! \n\t ä 'q'"}
    words = subprocess.run(
        ["bash", "-c", "curl() { printf '%s\\n' \"$@\"; }; " + launch.curl("http://h/v1", body)],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert json.loads(words[-1]) == body and words[-2] == "-d"
    assert "\n" not in launch.curl("http://h/v1", body) and "Authorization" not in launch.curl("http://h/v1", body)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert '-H "Authorization: Bearer $VLLM_API_KEY"' in launch.curl("http://h/v1", body)
    assert "secret" not in launch.curl("http://h/v1", body)


def fake_plan(tmp_path, port, code, seconds=20):
    """A plan whose engine is a Python program."""
    return launch.Plan(
        [sys.executable, "-c", code],
        dict(os.environ),
        "dpo",
        tmp_path,
        f"http://127.0.0.1:{port}",
        tmp_path / "o/serve.log",
        seconds,
    )


FAKE_ENGINE = """
import http.server, json, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print("child", child.pid, flush=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        key = os.environ.get("VLLM_API_KEY")
        allowed = self.path == "/health" or not key or self.headers["Authorization"] == f"Bearer {key}"
        self.send_response(200 if allowed else 401); self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": "NAME"}]}).encode())
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.headers["Authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}" else 401)
        self.end_headers(); self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", PORT), Answer).serve_forever()
"""


def gone(pid):
    """Whether the process ends within two seconds."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_the_engine_and_its_children_end_with_the_block(tmp_path, free_port):
    plan = fake_plan(tmp_path, free_port, FAKE_ENGINE.replace("PORT", str(free_port)).replace("NAME", "dpo"))
    with launch.running(plan) as server:
        assert server.names == ["dpo"] and server.process.poll() is None
    child = int(plan.log.read_text().split()[1])
    assert server.process.poll() is not None and gone(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_script_that_is_ended_ends_its_engine(tmp_path, free_port, number):
    plan = fake_plan(tmp_path, free_port, FAKE_ENGINE.replace("PORT", str(free_port)).replace("NAME", "dpo"))
    code = f"""
import os, time
from pathlib import Path
from serve import launch
plan = launch.Plan({plan.command!r}, dict(os.environ), "dpo", Path({str(tmp_path)!r}), {plan.url!r},
                   Path({str(plan.log)!r}), 20, *{plan[7:]!r})
with launch.running(plan) as server:
    print(server.process.pid, flush=True)
    time.sleep(60)
"""
    script = subprocess.Popen([sys.executable, "-c", code], cwd=launch.cli.ROOT, stdout=subprocess.PIPE, text=True)
    engine = int(script.stdout.readline())
    script.send_signal(number)
    assert script.wait(30) == 128 + number and gone(engine)


def test_the_key_of_the_environment_is_sent(tmp_path, free_port, monkeypatch):
    code = FAKE_ENGINE.replace("PORT", str(free_port)).replace("NAME", "dpo")
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    with launch.running(fake_plan(tmp_path, free_port, code)) as server:
        assert server.names == ["dpo"] and parity.ask(f"{server.url}/x", {"a": "é"}) == {"a": "é"}
        monkeypatch.setenv("VLLM_API_KEY", "another")
        with pytest.raises(cli.UserError, match="/x answered 401"):
            parity.ask(f"{server.url}/x", {})
        with pytest.raises(cli.UserError, match="another server answers on .*401"):
            launch.model_names(server.url)


def test_another_server_on_the_port_is_not_taken_for_ours(tmp_path, free_port):
    plan = fake_plan(tmp_path, free_port, FAKE_ENGINE.replace("PORT", str(free_port)).replace("NAME", "theirs"))
    with pytest.raises(cli.UserError, match="another server answers on .*theirs"), launch.running(plan):
        pass


def test_an_engine_that_fails_shows_its_cause(tmp_path, free_port):
    said = (
        "INFO loading",
        "(EngineCore pid=1) ERROR 11-21 core.py: ValueError: no room for the cache.",
        "RuntimeError: Engine core initialization failed. See root cause above.",
        "some last line",
    )
    plan = fake_plan(tmp_path, free_port, f"print({chr(10).join(said)!r}); raise SystemExit(1)")
    with pytest.raises(cli.UserError) as caught, launch.running(plan):
        pass
    assert str(caught.value).startswith("vLLM ended before it was ready: ValueError: no room for the cache (all of it")


def test_an_engine_that_never_answers_is_stopped_at_its_limit(tmp_path, free_port):
    waited = []
    plan = fake_plan(tmp_path, free_port, "import time; print('loading', flush=True); time.sleep(100)", seconds=1)
    with pytest.raises(cli.UserError, match="not ready after 1 s: loading"), launch.running(plan, waited.append):
        pass
    assert waited and max(waited) < 2


KEY = "key-of-this-test"


def status(url, headers=None, method="GET", body=None):
    """The HTTP status of one request."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def with_key(monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", KEY)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(process, its flags, lines it printed, address) of a real server on a base's own weights, by `bash serve.sh`.

    It listens on every address and wants KEY.
    """
    try:
        assert launch.engine_build() == "cpu"
    except (AssertionError, cli.UserError):
        pytest.skip("needs vLLM's CPU build")
    out = tmp_path_factory.mktemp("served")
    shutil.copytree(BASE, out / "base")
    make_trained(out / "base", out)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    flags = ["--out", str(out), "--base", str(out / "base"), "--port", str(port), "--host", "0.0.0.0"]
    process = subprocess.Popen(
        ["bash", "serve.sh", *flags],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "SERVE_PYTHON": sys.executable, "VLLM_API_KEY": KEY},
    )
    lines = []
    try:
        while sum(line.startswith("curl ") for line in lines) < 2:
            line = process.stdout.readline()
            assert line, f"the server ended: {''.join(lines)}"
            lines.append(line.rstrip("\n"))
        yield process, flags, lines, f"http://localhost:{port}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def curls(lines):
    return [line for line in lines if line.startswith("curl ")]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_printed_curls_answer_alike(served, with_key):
    _, _, lines, _ = served
    replies = [
        json.loads(subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120).stdout)
        for line in curls(lines)
    ]
    plain, asked = (reply["choices"][0] for reply in replies)
    assert plain["text"] == asked["message"]["content"] and plain["finish_reason"] == asked["finish_reason"]
    assert replies[0]["usage"] == replies[1]["usage"] and replies[0]["usage"]["completion_tokens"] > 0


@pytest.mark.slow
def test_both_routes_read_and_write_the_same_tokens_as_training(served, with_key):
    _, flags, lines, url = served
    plain_body, asked_body = ({**json.loads(shlex.split(line)[-1]), "return_token_ids": True} for line in curls(lines))
    plain = parity.ask(f"{url}/v1/completions", plain_body)
    asked = parity.ask(f"{url}/v1/chat/completions", asked_body)
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(flags[3])
    question = domain.load_benchmark("dev")[0]["prompt"]
    ids = chat.encode(tokenizer, question, domain.SYSTEM_PROMPT)
    assert plain["choices"][0]["prompt_token_ids"] == asked["prompt_token_ids"] == ids
    assert plain["choices"][0]["token_ids"] == asked["choices"][0]["token_ids"] != []


@pytest.mark.slow
def test_the_stages_endpoint_gives_the_real_servers_answers(served, with_key, monkeypatch):
    _, flags, _, url = served
    monkeypatch.setenv("LLM_API_KEY", KEY)
    where, domain = endpoint.Endpoint((f"{url}/v1",), {"sft": "dpo"}), load_domain("text_to_sql")
    endpoint.require(where, ["sft", "dpo"])
    with pytest.raises(cli.UserError, match="has no model base, only dpo"):
        endpoint.require(where, ["base"])
    tokenizer = model.load_tokenizer(flags[3])
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in domain.load_benchmark("dev")[:3]]
    made = endpoint.complete(where, "sft", tokenizer, prompts, Sampling(max_new_tokens=16))
    for prompt, (one,) in zip(prompts, made, strict=True):
        body = {"model": "dpo", "prompt": prompt, "temperature": 0, "max_tokens": 16}
        choice = parity.ask(f"{url}/v1/completions", body)["choices"][0]
        assert (one.text, one.finish_reason) == (choice["text"], choice["finish_reason"])
    assert (
        endpoint.complete(where._replace(as_text=True), "sft", tokenizer, prompts, Sampling(max_new_tokens=16)) == made
    )
    sampling = Sampling(n=2, temperature=1.0, max_new_tokens=16, seed=1)
    sampled = [endpoint.complete(where, "sft", tokenizer, prompts[:1], sampling) for _ in range(2)]
    assert sampled[0] == sampled[1] and sampled[0][0][0].text != sampled[0][0][1].text


@pytest.mark.slow
def test_nobody_without_the_key_gets_anything_of_the_real_server(served):
    _, flags, _, url = served
    log = (Path(flags[1]) / "serve.log").read_text(encoding="utf-8")
    listed = re.findall(r"Route: (\S+), Methods: ([A-Z, ]+)", log)
    assert len(listed) > 15 and {"/invocations", "/tokenize", "/metrics", "/docs"} <= {path for path, _ in listed}
    key = {"Authorization": f"Bearer {KEY}"}
    for path, methods in listed:
        path = re.sub(r"\{\w+\}", "x", path)
        for method in methods.split(", "):
            if path == "/health":
                assert status(url + path, {}, method) == 200
            elif path in guard.OPEN:
                assert (
                    status(url + path, {}, method) == status(url + path, {"Authorization": "Bearer x"}, method) == 401
                )
                assert status(url + path, key, method) in (200, 400, 415, 422)
            else:
                assert status(url + path, {}, method) == status(url + path, key, method) == 404, path
    assert status(f"{url}/v1/models", key) == 200


@pytest.mark.slow
def test_the_screen_shows_no_library_and_a_second_server_is_refused(served, with_key):
    _, flags, lines, _ = served
    assert lines[0].startswith("starting vLLM on ") and lines[1].startswith("ready after ") and "dpo" in lines[1]
    assert [line for line in lines if line and not line.startswith("curl ")] == [*lines[:2], lines[3], lines[6]]
    done = subprocess.run([sys.executable, "serve/launch.py", *flags], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2 and "in use" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_ctrl_c_ends_the_server_and_all_its_processes(served):
    process, _, _, url = served
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0 and "stopping the server" in process.stdout.read()
    with pytest.raises(OSError):
        launch.ask(f"{url}/health")
