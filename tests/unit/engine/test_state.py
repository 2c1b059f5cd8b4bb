"""The averaged weights."""

import torch
from torch import nn

from cnn_cli.engine.state import update_average


def filled(value: float) -> nn.Module:
    module = nn.BatchNorm1d(2)
    with torch.no_grad():
        for tensor in (*module.parameters(), module.running_mean, module.running_var):
            tensor.fill_(value)
    return module


def test_average_is_the_geometric_sum():
    average, model, expected = filled(0.0), filled(1.0), 0.0
    for step in range(1000, 1010):
        update_average(average, model, 0.9, step)
        expected = 0.9 * expected + 0.1
    for tensor in (*average.parameters(), average.running_mean, average.running_var):
        torch.testing.assert_close(tensor, torch.full((2,), expected))


def test_early_steps_forget_the_first_weights():
    average, model = filled(0.0), filled(1.0)
    update_average(average, model, 0.9999, 0)
    torch.testing.assert_close(average.weight, torch.full((2,), 0.9))


def test_counters_are_copied_and_the_model_is_left_alone():
    average, model = filled(0.0), filled(1.0)
    model.num_batches_tracked.fill_(7)
    update_average(average, model, 0.5, 100)
    assert average.num_batches_tracked.item() == 7
    assert model.weight.tolist() == [1.0, 1.0]
