import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.resnet import ResNet
from cnn_cli.models.summary import summarise


def resnet(depth: int = 20, size: int = 16) -> ResNet:
    return ResNet(3, 5, size, depth=depth, width=None, block="auto", stem="auto", zero_init=True)


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3)
    )


def test_each_layer_has_its_row() -> None:
    summary = summarise(small(), channels=1, size=4)
    rows = [(row.name, row.kind, row.shape, row.parameters, row.flops) for row in summary.rows]
    assert rows == [
        ("0", "Conv2d", (4, 4, 4), 40, 2 * 9 * 4 * 16),
        ("1", "ReLU", (4, 4, 4), 0, 0),
        ("2", "Dropout", (4, 4, 4), 0, 0),
        ("3", "Flatten", (64,), 0, 0),
        ("4", "Linear", (3,), 195, 2 * 64 * 3),
    ]
    assert [row.receptive_field for row in summary.rows] == [3, 3, 3, None, None]
    assert (summary.parameters, summary.flops) == (235, 2 * 9 * 4 * 16 + 2 * 64 * 3)
    assert summary.warnings == ()


@pytest.mark.parametrize("max_rows", [1, 9, 25, 1000])
def test_blocks_stand_for_their_layers_where_there_are_too_many(max_rows: int) -> None:
    model = Classifier(Normalize([0.5] * 3, [0.2] * 3), resnet())
    summary = summarise(model, channels=3, size=16, max_rows=max_rows)
    assert len(summary.rows) <= max(max_rows, 2)
    assert sum(row.parameters for row in summary.rows) == summary.parameters
    assert sum(row.flops for row in summary.rows) == summary.flops
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, 3, 16, 16))
    assert summary.flops == counter.get_total_flops()
    if max_rows == 25:
        blocks = {row.name: row.receptive_field for row in summary.rows if "layer" in row.name}
        assert list(blocks.values()) == [7, 11, 15, 21, 29, 37, 49, 65, 81]


def test_a_layer_used_twice_counts_its_parameters_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(x))

    first, second = summarise(Twice(), channels=1, size=8).rows
    assert (first.parameters, second.parameters) == (10, 0)
    assert (first.receptive_field, second.receptive_field) == (3, 5)


def test_convolutions_on_single_pixels_are_warned_of() -> None:
    (warning,) = summarise(resnet(18, 8), channels=3, size=8).warnings
    assert warning.startswith("layer4.0.conv2 and 2 more convolutions after it work on maps of 1x1")
    assert summarise(resnet(18, 16), channels=3, size=16).warnings == ()
    one = nn.Sequential(nn.MaxPool2d(4), nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1))
    assert summarise(one, channels=1, size=4).warnings[0].startswith("2 works on maps of 1x1")


def test_the_model_is_left_as_it_was() -> None:
    model = resnet().train()
    model.layer1.eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    summarise(model, channels=3, size=16)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_hooks_and_modes_are_restored_after_a_failure() -> None:
    model = small().train()
    with pytest.raises(RuntimeError):
        summarise(model, channels=2, size=4)
    assert all(module.training for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
