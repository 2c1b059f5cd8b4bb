import pytest
import torch
from torch import Tensor, nn

from cnn_cli.optim.lion import Lion


def lion(parameters: list[Tensor], **options: float) -> Lion:
    settings = {"lr": 0.01, "weight_decay": 0.1} | options
    return Lion(parameters, betas=(0.9, 0.99), **settings)


def test_steps_are_those_of_algorithm_2() -> None:
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.randn(5, 3))
    expected, mean = parameter.detach().clone(), torch.zeros(5, 3)
    by = lion([parameter])
    for _ in range(6):
        parameter.grad = torch.randn(5, 3)
        direction = (0.9 * mean + 0.1 * parameter.grad).sign()
        expected = expected - 0.01 * (direction + 0.1 * expected)
        mean = 0.99 * mean + 0.01 * parameter.grad
        by.step()
    torch.testing.assert_close(parameter.detach(), expected)


def test_a_parameter_without_gradient_stays() -> None:
    still, moved = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    lion([still, moved], weight_decay=0.0).step()
    assert still.tolist() == [1, 1]
    assert moved.tolist() == pytest.approx([0.99, 0.99])


def test_a_closure_is_called_and_its_value_given_back() -> None:
    parameter = nn.Parameter(torch.ones(2))
    assert lion([parameter]).step(lambda: 7.0) == 7.0
    assert parameter.tolist() == [1, 1]
