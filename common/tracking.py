"""A training's figures in Weights & Biases or MLflow: the same names, parameters and artefacts in both.

Names are the trainer's own, as in log.json; parameters are the settings of run.json; artefacts are the small files that
the stage leaves in its folder. W&B stays offline unless a key is set. A resumed training goes on in the run it began.
"""

import importlib.util
import os
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from common import files
from common.apart import is_first
from common.cli import UserError

PROJECT = "post-training"
BACKENDS = ("none", "wandb", "mlflow")
ARTEFACTS = ("run.json", "log.json", "kl.json", "held_out.jsonl", "chat.json", "lineage.json", "adapter_config.json",
             "samples.md")  # fmt: skip


class Run(NamedTuple):
    """log(metrics, step) while it trains; close(paths of artefacts) at its end, which says what to do with the run."""

    log: Any
    close: Any


def start(args, work) -> Run | None:
    """The run that --report_to names, None for none; work/tracking.json keeps its id for a resumed training.

    UserError when the package is not installed.
    """
    if args.report_to == "none" or not is_first():
        return None
    if importlib.util.find_spec(args.report_to) is None:
        package = {"mlflow": "mlflow-skinny"}.get(args.report_to, args.report_to)
        raise UserError(f"--report_to {args.report_to} needs the package {package}; install it, or report to none.")
    mark, settings = work / "tracking.json", files.settings_of(args)
    known = files.read_json(mark)["id"] if mark.is_file() else None
    name = f"{args.section}-{args.seed}"
    found, run = {"wandb": start_wandb, "mlflow": start_mlflow}[args.report_to](name, settings, known)
    files.write_json(mark, {"id": found})
    return run


def start_wandb(name, settings, known):
    """(id, Run) in W&B."""
    import wandb

    if not os.environ.get("WANDB_API_KEY"):
        os.environ.setdefault("WANDB_MODE", "offline")
    found = known or uuid.uuid4().hex[:12]
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=name,
        id=found,
        resume="allow",
        config=settings,
        settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True),
    )

    def close(paths):
        artefact = wandb.Artifact(name, type="training")
        for path in paths:
            artefact.add_file(str(path))
        run.log_artifact(artefact)
        said = (
            f"is offline; upload it with: wandb sync {files.shown(run.sync_dir)}" if run.offline else f"is at {run.url}"
        )
        run.finish()
        print(f"the W&B run {found} {said}", flush=True)

    return found, Run(lambda metrics, step: run.log(metrics, step=step), close)


def start_mlflow(name, settings, known):
    """(id, Run) in MLflow."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder needs no database, and skinny has none
    import mlflow

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(Path("mlruns").resolve().as_uri())
    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
    run = mlflow.start_run(run_id=known, run_name=None if known else name)
    if not known:
        mlflow.log_params(settings)

    def close(paths):
        for path in paths:
            mlflow.log_artifact(str(path))
        mlflow.end_run()
        print(f"MLflow run {run.info.run_id}; look at it with: mlflow ui (package mlflow)", flush=True)

    return run.info.run_id, Run(lambda metrics, step: mlflow.log_metrics(metrics, step=step), close)


def watch(trainer, run):
    """Have the trainer log to the run what it logs to log.json: numbers by name and step."""
    from transformers import TrainerCallback

    class Log(TrainerCallback):
        """Reads the state's last entry, which WholeTraining of common/training.py has made whole by then."""

        def on_log(self, args, state, control, **kwargs):
            entry = state.log_history[-1]
            run.log({key: float(value) for key, value in entry.items() if key != "step"}, state.global_step)

    if run:
        trainer.add_callback(Log())


def finish(run, folder):
    """Add the folder's small files to the run and close it."""
    if run:
        run.close([folder / name for name in ARTEFACTS if (folder / name).is_file()])
