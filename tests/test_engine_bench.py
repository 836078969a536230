"""bench/engine.py: it goes on where it was stopped, and stops a part that takes too long, with all its processes."""

import time

import pytest

from bench import engine as bench
from common import files, model

FIGURES = {"seconds": 2.0, "tokens_per_second": 5.0}


@pytest.fixture
def args(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "TARGET", tmp_path / "engine.json")
    monkeypatch.setattr(bench.files, "ROOT", tmp_path)
    monkeypatch.setattr(model, "choose_dtype", lambda name: "float32")
    monkeypatch.setattr(model, "check_merged", lambda folder, base: {"adapter_sha256": "a"})
    return bench.parse_args(["--out", str(tmp_path), "--part_seconds", "2"])


def test_parts_that_are_there_are_kept_until_the_setting_changes(args, monkeypatch, capsys):
    measured = []
    monkeypatch.setattr(bench, "run_part", lambda args, part: measured.append(part) or FIGURES)
    bench.main(args)
    assert measured == bench.parts() and len(measured) == 6
    known = files.read_json(bench.TARGET)
    del known["parts"]["generate x 4"]
    files.write_json(bench.TARGET, known)
    bench.main(args)
    assert measured[6:] == ["generate x 4"] and files.read_json(bench.TARGET)["parts"]["generate x 4"] == FIGURES
    assert "vllm adapter x 1: seconds 2.0, tokens per second 5.0" in capsys.readouterr().out
    args.n = 7
    bench.main(args)
    assert len(measured) == 13 and files.read_json(bench.TARGET)["setting"]["n"] == 7


def test_a_part_that_takes_too_long_is_stopped_with_its_children(args, tmp_path, monkeypatch):
    script = tmp_path / "part.py"
    script.write_text(
        "import pathlib, subprocess, sys, time\n"
        "if len(sys.argv) > 1: subprocess.Popen([sys.executable, __file__])\n"
        "while True:\n"
        "    pathlib.Path(__file__).with_name('beat').write_text(str(time.time()))\n"
        "    time.sleep(0.05)\n"
    )
    monkeypatch.setattr(bench, "__file__", str(script))
    for args.part_seconds in (2, 60):  # the second on a machine too busy for a Python to start in the first
        assert bench.run_part(args, "vllm merged x 1") == {"stopped_after_seconds": args.part_seconds}
        if (tmp_path / "beat").exists():
            break
    time.sleep(0.5)
    beat = (tmp_path / "beat").read_text()
    time.sleep(0.5)
    assert (tmp_path / "beat").read_text() == beat, "a process of the part still runs"
