import torch
from torch import nn

from cnn_cli.optim.groups import parameter_groups


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    decay, rest = parameter_groups(model, 5e-4)
    assert decay == {"params": [model[0].weight, model[3].weight], "weight_decay": 5e-4}
    assert [id(p) for p in rest["params"]] == [
        id(p) for p in (model[0].bias, model[1].weight, model[1].bias, model[3].bias)
    ]
    assert rest["weight_decay"] == 0


def test_every_trainable_parameter_is_in_one_group_once() -> None:
    first = nn.Linear(3, 3)
    model = nn.Sequential(first, nn.ReLU(), first, nn.Linear(3, 2))
    model[3].weight.requires_grad_(False)
    found = [p for group in parameter_groups(model, 0.1) for p in group["params"]]
    assert {id(p) for p in found} == {id(p) for p in model.parameters() if p.requires_grad}
    assert len(found) == 3


def test_no_group_is_empty() -> None:
    (only,) = parameter_groups(nn.Linear(3, 2, bias=False), 0.1)
    assert only["weight_decay"] == 0.1
    (only,) = parameter_groups(nn.BatchNorm2d(3), 0.1)
    assert only["weight_decay"] == 0


def test_only_weights_shrink_where_there_is_no_gradient() -> None:
    model = nn.Linear(3, 2)
    before = [p.detach().clone() for p in (model.weight, model.bias)]
    optimizer = torch.optim.SGD(parameter_groups(model, 0.1), lr=0.5)
    model(torch.zeros(1, 3)).mul(0).sum().backward()
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), before[0] * (1 - 0.5 * 0.1))
    assert torch.equal(model.bias.detach(), before[1])
