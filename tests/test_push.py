"""train/push.py: what it lists, what it refuses, and what a server that speaks the Hub's protocol has received."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from safetensors.numpy import save_file

from common import cli, files, model
from train import push

TOKEN = "hf_write"
CARD = """---
license: apache-2.0
base_model: models/tiny
library_name: peft
model-index:
- name: x
  results:
  - task:
      type: text-generation
    dataset:
      name: bench
      type: bench
    metrics:
    - type: accuracy
      value: 0.35
---

# A model
"""


class Hub(BaseHTTPRequestHandler):
    """The Hub as far as one upload needs it: new repository, card check, pre-upload, Git LFS, commit."""

    def answer(self, content, status=200):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def do_POST(self):
        state, url, body = self.server.state, f"http://127.0.0.1:{self.server.server_port}", self.body()
        state["asked"].append(self.path)
        if self.path == "/api/validate-yaml":
            content = json.loads(body)["content"]
            return self.answer({"error": "bad licence"} if "license: nonsense" in content else {},
                               400 if "license: nonsense" in content else 200)  # fmt: skip
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "unauthorised"}, 401)
        if self.path == "/api/repos/create":
            state["repo"] = json.loads(body)
            return self.answer({"url": f"{url}/me/mine"})
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            modes = {item["path"]: "lfs" if item["path"].endswith(".safetensors") else "regular" for item in asked}
            return self.answer({"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False}
                                          for path, mode in modes.items()]})  # fmt: skip
        if self.path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{url}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        if "/commit/" in self.path:
            for line in body.decode().splitlines():
                item = json.loads(line)
                if item["key"] == "file":
                    state["files"][item["value"]["path"]] = base64.b64decode(item["value"]["content"])
                if item["key"] == "lfsFile":
                    state["files"][item["value"]["path"]] = state["blobs"][item["value"]["oid"]]
            return self.answer({"commitUrl": f"{url}/me/mine/commit/abc", "commitOid": "abc", "success": True})
        self.answer({"error": "no such address"}, 404)

    def do_PUT(self):
        data = self.body()
        self.server.state["blobs"][hashlib.sha256(data).hexdigest()] = data
        self.answer({})

    def do_GET(self):
        self.answer({"error": "no such address"}, 404)

    def log_message(self, *given):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.state = {"asked": [], "files": {}, "blobs": {}}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def base(tmp_path):
    """A base's folder, as far as lineage looks at it."""
    folder = tmp_path / "base"
    files.write_json(folder / "config.json", {"model_type": "llama"})
    save_file({"w": np.ones(4, dtype=np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def out(tmp_path, base):
    """An adapter, its card and its report, as the stages leave them."""
    folder = tmp_path / "out/dpo"
    for name in ("merged", "checkpoints"):
        (folder / name).mkdir(parents=True)
    save_file({"lora_A.weight": np.ones((4, 4), dtype=np.float32)}, folder / "adapter_model.safetensors")
    files.write_json(folder / "adapter_config.json", {"base_model_name_or_path": str(base), "r": 4})
    files.write_json(folder / "tokenizer.json", {"version": "1.0"})
    files.write_text(folder / "chat_template.jinja", "{{ messages }}")
    model.write_lineage(folder, "dpo", str(base))
    files.write_json(folder / "run.json", {"settings": {}})
    (folder / "training_args.bin").write_bytes(b"\x80")
    files.write_text(folder.parent / "MODEL_CARD.md", CARD)
    files.write_text(folder.parent / "EVAL_REPORT.md", "# Report\n\n![Accuracy](eval/plots/a.png)\n")
    (folder.parent / "eval/plots").mkdir(parents=True)
    (folder.parent / "eval/plots/a.png").write_bytes(b"\x89PNG")
    return folder.parent


def run(out, *flags):
    args = push.parse_args(["me/mine", "--out", str(out), *flags])
    push.main(args)


def test_a_dry_run_lists_files_and_sizes_and_sends_nothing(out, capsys, monkeypatch):
    monkeypatch.setattr(push, "send", None)
    run(out, "--base_model", "owner/base", "--dry_run")
    said = capsys.readouterr().out
    size = (out / "dpo/adapter_model.safetensors").stat().st_size / 2**20
    assert f"{size:10.2f} MiB  adapter_model.safetensors" in said and "README.md" in said
    assert "eval/plots/a.png" in said and "nothing was sent" in said and "base owner/base" in said
    assert "training_args.bin" not in said and "run.json" not in said


@pytest.mark.parametrize(
    "card, flags, said",
    [
        (CARD, [], "names the base 'models/tiny', which nobody else can fetch"),
        (CARD.replace("base_model: models/tiny\n", ""), [], "names the base None"),
        (CARD.replace("apache-2.0", "other"), ["--base_model", "owner/base"], "names no licence .other."),
        (CARD.replace("license: apache-2.0\n", ""), ["--base_model", "owner/base"], "names no licence .none."),
        (CARD.replace("- task:", "- nothing:"), ["--base_model", "owner/base"], "metadata .* cannot be read"),
        (CARD.replace("license: a", "license: [a"), ["--base_model", "owner/base"], "metadata .* cannot be read"),
    ],
)
def test_without_licence_or_base_or_with_bad_metadata_it_refuses(out, card, flags, said, tmp_path):
    (tmp_path / "models/tiny").mkdir(parents=True)
    files.write_text(out / "MODEL_CARD.md", card)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        with pytest.raises(cli.UserError, match=said) as caught:
            run(out, *flags)
    finally:
        os.chdir(before)
    assert "\n" not in str(caught.value)


def send_to(hub, out, *flags, token=TOKEN):
    """The script in a process of its own: huggingface_hub reads the Hub's address when it is imported."""
    own = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1",
           "HF_HOME": str(out / "home"), "HF_HUB_OFFLINE": "0"}  # fmt: skip
    words = ["train/push.py", "me/mine", "--out", str(out), "--base_model", "owner/base", *flags]
    return subprocess.run([sys.executable, *words], cwd=cli.ROOT, env=os.environ | own, text=True, capture_output=True)


def test_what_the_hub_receives_is_the_model_its_card_and_report_and_no_path_of_this_machine(hub, out, base):
    done = send_to(hub, out)
    assert done.returncode == 0, done.stderr
    got = hub.state["files"]
    assert hub.state["repo"]["name"] == "mine" and hub.state["repo"]["visibility"] == "private"
    assert got["adapter_model.safetensors"] == (out / "dpo/adapter_model.safetensors").read_bytes()
    assert json.loads(got["adapter_config.json"]) == {"base_model_name_or_path": "owner/base", "r": 4}
    assert b"base_model: owner/base" in got["README.md"] and b"# A model" in got["README.md"]
    assert {"EVAL_REPORT.md", "eval/plots/a.png", "tokenizer.json", "chat_template.jinja"} <= set(got)
    assert not any(str(base).encode() in content for content in got.values())
    assert not any(name.endswith(".bin") or name == "run.json" for name in got)
    assert "sent in" in done.stdout and TOKEN not in done.stdout + done.stderr


def test_merged_weights_of_an_earlier_adapter_are_not_sent(out):
    files.write_json(out / "dpo/merged/lineage.json", {"adapter_sha256": "of another one"})
    with pytest.raises(cli.UserError, match="was merged from an earlier adapter; run python train/merge.py --adapter"):
        run(out, "--merged", "--dry_run")


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub, out):
    hub.server_close()
    done = send_to(hub, out)
    assert done.returncode == 2 and "the Hub cannot be reached" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_the_hub_refuses_is_one_sentence(hub, out):
    for flags, token, said in (
        ((), "hf_other", "log in with `hf auth login`"),
        (("--license", "nonsense"), TOKEN, "does not take the card of me/mine"),
    ):
        done = send_to(hub, out, *flags, token=token)
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not hub.state["files"]
