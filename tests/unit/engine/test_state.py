"""The averaged weights."""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from cnn_cli.engine import checkpoint
from cnn_cli.engine.state import averaging, restore, tensors, update_average
from cnn_cli.errors import UserError

FINE, BAD = False, True


def filled(value: float) -> nn.Module:
    module = nn.BatchNorm1d(2)
    with torch.no_grad():
        for tensor in (*module.parameters(), module.running_mean, module.running_var):
            tensor.fill_(value)
    return module


def test_average_is_the_geometric_sum():
    average, model, expected = filled(0.0), filled(1.0), 0.0
    for step in range(1000, 1010):
        update_average(tensors(average), tensors(model), averaging(0.9, step), FINE)
        expected = 0.9 * expected + 0.1
    for tensor in (*average.parameters(), average.running_mean, average.running_var):
        torch.testing.assert_close(tensor, torch.full((2,), expected))


def test_early_steps_forget_the_first_weights():
    average, model = filled(0.0), filled(1.0)
    update_average(tensors(average), tensors(model), averaging(0.9999, 0), FINE)
    torch.testing.assert_close(average.weight, torch.full((2,), 0.9))


def test_counters_are_copied_and_the_model_is_left_alone():
    average, model = filled(0.0), filled(1.0)
    model.num_batches_tracked.fill_(7)
    update_average(tensors(average), tensors(model), averaging(0.5, 100), FINE)
    assert average.num_batches_tracked.item() == 7
    assert model.weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("known", [True, False], ids=["cpu", "as on a GPU"])
def test_a_step_that_was_left_out_moves_nothing(known):
    average, model = filled(0.0), filled(1.0)
    for bad, expected in ((BAD, 0.0), (FINE, 0.1)):
        told = bad if known else torch.tensor(bad)
        update_average(tensors(average), tensors(model), averaging(0.9, 1000), told)
        torch.testing.assert_close(average.weight, torch.full((2,), expected))


def spread(tensor):
    """One number shown as often as the tensor has numbers."""
    return torch.zeros(1).as_strided(tensor.shape, [0] * tensor.dim())


def groups(saved, **changes):
    made = [{**group, **changes} for group in saved.optimizer["param_groups"]]
    return {"optimizer": {**saved.optimizer, "param_groups": made}}


CHANGES = {
    "model": lambda s: {"model": {k: v for k, v in s.model.items() if "weight" not in k}},
    "model.other": lambda s: {"model": {**s.model, "other": torch.ones(1)}},
    "model.net.0.weight": lambda s: {"model": {**s.model, "net.0.weight": torch.ones(3)}},
    "ema": lambda _: {"ema": {}},
    "rows": lambda _: {"rows": torch.zeros(1, 4)},
    "watch": lambda _: {"watch": {"factor": 1.0}},
    "model.norm": lambda s: {"model": {k: spread(v) for k, v in s.model.items()}},
    "model.normalize": lambda s: {"model": {k: v / 0 for k, v in s.model.items()}},
    "watc": lambda s: {"watch": {**s.watch, "factor": math.nan}},
    "optimizer.param_group": lambda s: groups(s, lr=math.nan),
    "optimizer.param_grou": lambda s: groups(s, weight_decay="x"),
    "optimizer.param_gro": lambda s: groups(s, unknown=1),
    "optimizer.param_gr": lambda s: {
        "optimizer": {**s.optimizer, "param_groups": [*s.optimizer["param_groups"], "x"]}
    },
    "optimizer.state.": lambda s: {"optimizer": {**s.optimizer, "state": {0: {"step": None}}}},
    "optimizer": lambda _: {"optimizer": {"state": {}}},
    "optimizer.param_groups": lambda s: {"optimizer": {**s.optimizer, "param_groups": []}},
    "optimizer.state.77": lambda s: {"optimizer": {**s.optimizer, "state": {77: {}}}},
    "optimizer.state.0": lambda s: {
        "optimizer": {**s.optimizer, "state": {0: {"momentum_buffer": torch.ones(5)}}}
    },
    "optimizer.state": lambda s: {
        "optimizer": {
            **s.optimizer,
            "state": {0: {"momentum_buffer": spread(s.optimizer["state"][0]["momentum_buffer"])}},
        }
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_is_named_and_nothing_restored(bench, name):
    task = bench.task(ema_decay=0.9)
    trained = bench.state(task)
    bench.train(task, trained)
    saved = checkpoint.load(task.run.pointer("last"))
    fresh = bench.state(task)
    restore(bench.state(task), saved)
    before = {k: v.clone() for k, v in fresh.model.state_dict().items()}
    with pytest.raises(UserError, match=rf"does not fit.*{re.escape(name)}"):
        restore(fresh, replace(saved, **CHANGES[name](saved)))
    assert all(v.equal(before[k]) for k, v in fresh.model.state_dict().items())


def test_a_setting_that_torch_did_not_know_yet_keeps_its_default(bench):
    task = bench.task()
    trained = bench.state(task)
    bench.train(task, trained)
    saved = checkpoint.load(task.run.pointer("last"))
    group = saved.optimizer["param_groups"]
    older = [{k: v for k, v in one.items() if k != "nesterov"} for one in group]
    fresh = bench.state(task)
    restore(fresh, replace(saved, optimizer={**saved.optimizer, "param_groups": older}))
    assert fresh.optimizer.param_groups[0]["nesterov"] == group[0]["nesterov"]


@pytest.mark.parametrize(
    "change",
    [
        {"elapsed": math.nan},
        {"elapsed": -1.0},
        {"best_step": 10**400},
        {"total": 10**18},
        {"step": -1},
        {"metrics_bytes": -1},
        {"best": math.inf},
        {"recorded": 10**9},
        {"stale": -1},
    ],
)
def test_counts_that_are_none_are_refused(bench, tmp_path, change):
    task = bench.task()
    bench.train(task, bench.state(task))
    saved = checkpoint.load(task.run.pointer("last"))
    file = tmp_path / "file.ckpt"
    torch.save(checkpoint._plain(replace(saved, **change)), file)
    with pytest.raises(UserError, match="its counts are none"):
        checkpoint.load(file)
