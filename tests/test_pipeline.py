"""The whole pipeline as a user runs it, at smoke size: every script in order, then the server and its printed curl."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from data import gen_sft

# The first test waits for the whole smoke run: minutes here, three times that on a processor without bf16.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    "data/gen_sft.py",
    "train/sft.py",
    "data/gen_dpo.py",
    "train/dpo.py",
    "eval/answer.py",
    "eval/winrate.py",
    "eval/domain.py",
    "eval/mmlu.py",
    "eval/report.py",
)


def git_status():
    return subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout


def run(script, *flags):
    # With all cores: the files of tests beside this one are done long before it.
    env = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return subprocess.run(
        [sys.executable, script, *map(str, flags)], cwd=ROOT, capture_output=True, text=True, timeout=1800, env=env
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished smoke run, and what each script said."""
    out, before, said = tmp_path_factory.mktemp("smoke"), git_status(), {}
    for script in STAGES:
        done = run(script, "--recipe", "recipes/smoke.yaml", "--out", out)
        assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        said[script] = done
    assert git_status() == before, "a run with --out must not touch tracked files"
    return out, said


def test_every_stage_says_what_it_wrote_and_what_to_run_next(finished):
    out, said = finished
    for script, following in zip(STAGES, (*STAGES[1:], "serve.sh"), strict=True):
        last = said[script].stdout.strip().split("\n")[-1]
        assert str(out) in last and following in last, f"{script} ended with: {last}"


def test_no_library_chatter_on_the_screen(finished):
    _, said = finished
    for script, done in said.items():
        chatter = [
            line for line in (done.stdout + done.stderr).split("\n") if re.search(r"Warning|WARNING|warn\(", line)
        ]
        assert not chatter, f"{script}: {chatter[:3]}"


def test_summary_and_report_agree_with_the_rows(finished):
    out, _ = finished
    summary = json.loads((out / "eval/summary.json").read_text())
    rows = json.loads((out / "eval/domain.json").read_text())["rows"]
    for name in ("base", "sft", "dpo"):
        judged = [row[name]["correct"] for row in rows if row[name]["correct"] is not None]
        share = sum(judged) / len(judged)
        assert summary["domain"][name]["accuracy"] == pytest.approx(share)
        assert summary["domain"][name]["n"] == len(judged) and len(rows) == 24
    assert (out / "EVAL_REPORT.md").is_file() and (out / "MODEL_CARD.md").is_file()


def test_the_lineage_leads_from_dpo_to_the_base(finished):
    out, _ = finished
    lineage = json.loads((out / "dpo/lineage.json").read_text())
    assert lineage["stage"] == "dpo" and lineage["parent"]["stage"] == "sft"
    assert lineage["base_sha256"] == lineage["parent"]["base_sha256"]


def test_same_seed_same_bytes(tmp_path):
    made = []
    for name in ("a", "b"):
        gen_sft.main(gen_sft.parse_args(["--out", str(tmp_path / name), "--n", "300"]))
        made.append((tmp_path / name / "data/sft.jsonl").read_bytes())
    assert made[0] == made[1] and made[0].count(b"\n") == 300


@pytest.mark.parametrize(
    "script, names",
    [
        ("train/sft.py", "data/gen_sft.py"),
        ("data/gen_dpo.py", "train/sft.py"),
        ("train/dpo.py", "data/gen_dpo.py"),
        ("eval/answer.py", "train/sft.py"),
        ("eval/winrate.py", "eval/answer.py"),
        ("eval/domain.py", "eval/answer.py"),
        ("eval/report.py", "train/sft.py"),
    ],
)
def test_a_stage_before_its_input_names_the_command_to_run(script, names, tmp_path):
    done = run(script, "--out", tmp_path)
    assert done.returncode == 2 and names in done.stderr and len(done.stderr.strip().split("\n")) == 1, done.stderr
    assert not list(tmp_path.iterdir())


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.timeout(600, func_only=True)  # readline waits for ever where a server says less than it should
def test_the_printed_curl_answers_and_equals_the_chat_route(finished):
    out, _ = finished
    port = free_port()
    server = subprocess.Popen(
        ["bash", "serve.sh", "--recipe", "recipes/smoke.yaml", "--out", str(out), "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = ""
        while said.count("curl ") < 2:
            line = server.stdout.readline()
            assert line, f"the server ended: {said}"
            said += line
        curls = [
            shlex.split(line) for line in re.sub(r"\\\n", " ", said).split("\n") if line.strip().startswith("curl ")
        ]
        replies = [
            json.loads(subprocess.run([*curl, "-s"], capture_output=True, text=True, timeout=60).stdout)
            for curl in curls[:2]
        ]
        plain, chat = replies[0]["choices"][0], replies[1]["choices"][0]
        assert plain["finish_reason"] == chat["finish_reason"] == "stop"
        assert plain["text"] == chat["message"]["content"] and plain["text"].strip()
        assert replies[0]["usage"] == replies[1]["usage"]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
