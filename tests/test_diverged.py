"""A model that diverged is told so in a sentence, never in a figure, and no file of ours holds what JSON has not."""

import json
import math
from types import SimpleNamespace

import pytest

from common import files, score, training
from common.cli import UserError


@pytest.mark.parametrize(
    "logprobs, wanted",
    [
        ([[-0.5, -1.5], [-1.0]], math.e),
        ([[-800.0, -800.0]], math.inf),
        ([[-1e308]], math.inf),
        ([[-math.inf, -1.0]], math.inf),
        ([[0.0], []], 1.0),
    ],
)
def test_perplexity_of_any_model(logprobs, wanted):
    assert score.perplexity(logprobs) == pytest.approx(wanted)


@pytest.mark.parametrize("logprobs", [[], [[]], [[], []]])
def test_perplexity_of_nothing_is_a_sentence(logprobs):
    with pytest.raises(UserError, match="no token whose probability"):
        score.perplexity(logprobs)


def test_perplexity_of_no_number_is_none():
    assert math.isnan(score.perplexity([[math.nan, -1.0]]))


def test_what_json_has_not_is_null(tmp_path):
    def refuse(name):
        raise AssertionError(name)

    value = {"loss": math.nan, "all": [1.5, math.inf, (-math.inf, "NaN")], "n": 3}
    wanted = {"loss": None, "all": [1.5, None, [None, "NaN"]], "n": 3}
    files.write_json(tmp_path / "a.json", value)
    files.write_jsonl(tmp_path / "a.jsonl", [value, {"x": 0.1}])
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse) == wanted
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=refuse) for line in lines] == [wanted, {"x": 0.1}]


def trained(tmp_path, *losses, **figures):
    """training_metrics of a training with these losses."""
    import torch

    log = [{"step": i, "loss": loss, "seconds": i, "peak_memory_gib": 1} for i, loss in enumerate(losses, 1)]
    state = SimpleNamespace(log_history=log, global_step=len(log))
    return training.training_metrics(SimpleNamespace(state=state, model=torch.nn.Linear(2, 2)), tmp_path, **figures)


@pytest.mark.parametrize(
    "losses, figures, said",
    [
        ((1.0, math.nan, 2.0), {}, "its loss at step 2 is nan"),
        ((1.0, math.inf), {}, "its loss at step 2 is inf"),
        ((1.0, 0.5), {"perplexity_before": 3.0, "perplexity_after": math.inf}, "its perplexity after is inf"),
        ((1.0, 0.5), {"perplexity_after": math.nan}, "its perplexity after is nan"),
    ],
)
def test_a_training_that_diverged_is_no_model(tmp_path, losses, figures, said):
    with pytest.raises(UserError) as caught:
        trained(tmp_path, *losses, **figures)
    assert f"the training diverged: {said}" in str(caught.value) and "lower --learning_rate" in str(caught.value)
    assert "NaN" not in (tmp_path / "log.json").read_text()


def test_a_training_that_did_not_diverge_passes(tmp_path):
    assert trained(tmp_path, 1.0, 0.5, perplexity_after=2.0, held_out={"n": 1})["loss"] == 0.75
