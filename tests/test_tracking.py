"""Weights & Biases and MLflow are told the same: real runs are read back from disk and compared with log.json."""

import json
import random
import struct
from types import SimpleNamespace

import pytest

from common import cli, files, tracking
from common.domain import load_domain
from train import sft


def records(path):
    """Every record of a .wandb file: a header of 7 bytes, then blocks of 32 KiB with pieces of records (LevelDB)."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts, made = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(parts)
            made.append(record)
            parts = b""
    return made


def read_wandb(folder):
    """(parameters, {step: {name: value}}, names of artefacts' files, name) of the one offline run below a folder."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    settings, history, artefacts, name = {}, {}, set(), ""
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            name = record.run.display_name
            settings |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        elif kind == "history":
            row = {(item.key or ".".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
            history.setdefault(row.pop("_step", record.history.step.num), {}).update(row)
        elif kind == "artifact":
            artefacts |= {entry.path for entry in record.artifact.manifest.contents}
        elif kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
            artefacts |= {entry.path for entry in record.request.log_artifact.artifact.manifest.contents}
    return settings, history, artefacts, name


def read_mlflow(folder):
    """As read_wandb, of the one run in MLflow's folder."""
    import mlflow

    client = mlflow.MlflowClient((folder / "mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string=f"name = '{tracking.PROJECT}'")
    (run,) = client.search_runs([experiment.experiment_id])
    history = {}
    for key in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, key):
            history.setdefault(point.step, {})[key] = point.value
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    return run.data.params, history, names, run.info.run_name


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend, read", [("wandb", read_wandb), ("mlflow", read_mlflow)])
def test_a_run_read_back_has_the_settings_figures_and_files_of_the_stage(
    backend, read, tiny_base, tmp_path, monkeypatch, capfd
):
    pytest.importorskip(backend)
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    rows = load_domain("text_to_sql").generate(random.Random(5), 16, "sft")
    files.write_jsonl(tmp_path / "a.jsonl", [{key: row[key] for key in ("id", "prompt", "completion")} for row in rows])
    flags = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--out", str(tmp_path / "out")]
    flags += ["--data", str(tmp_path / "a.jsonl"), "--logging_steps", "1", "--dtype", "float32", "--no-load_in_4bit"]
    cli.quiet()
    sft.main(sft.parse_args([*flags, "--report_to", backend]))
    settings, history, artefacts, name = read(tmp_path)
    record = files.read_json(tmp_path / "out/sft/run.json")
    assert name == "sft-0" and set(settings) >= set(record["settings"])
    assert {key: str(settings[key]) for key in record["settings"]} == {k: str(v) for k, v in record["settings"].items()}
    logged = {}
    for entry in files.read_json(tmp_path / "out/sft/log.json"):
        logged.setdefault(entry["step"], {}).update(entry)
    assert set(logged) <= set(history) and any("eval_loss" in entry for entry in logged.values())
    for step, entry in logged.items():
        for key in ("loss", "eval_loss", "learning_rate", "mean_token_accuracy"):
            if key in entry:
                assert history[step][key] == pytest.approx(entry[key]), (step, key)
    assert artefacts == {"run.json", "log.json", "chat.json", "lineage.json", "adapter_config.json", "samples.md"}
    if backend == "wandb":
        assert "upload it with: wandb sync wandb/offline-run-" in capfd.readouterr().out.replace(f"{tmp_path}/", "")


def test_a_package_that_is_missing_is_named_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    args = SimpleNamespace(report_to="mlflow", section="sft", seed=0)
    with pytest.raises(cli.UserError, match="--report_to mlflow needs the package mlflow-skinny"):
        tracking.start(args, tmp_path)
    assert tracking.start(SimpleNamespace(report_to="none"), tmp_path) is None and not list(tmp_path.iterdir())
