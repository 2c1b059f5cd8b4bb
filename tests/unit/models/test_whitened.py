"""The fast network with a fixed first layer: whitening, start, and what is trained."""

from typing import Any

import pytest
import torch

from cnn_cli.models.classifier import Classifier, Normalize
from cnn_cli.models.whitened import Whitened, whitening


def made(channels: tuple[int, ...] = (24, 48), size: int = 16, **options: Any) -> Whitened:
    torch.manual_seed(0)
    return Whitened(3, 5, size, channels=channels, scale=0.1, **options)


def pictures(n: int = 400) -> torch.Tensor:
    """Neighbouring pixels and channels depend on each other, as in photographs."""
    numbers = torch.Generator().manual_seed(1)
    coarse = torch.rand(n, 3, 4, 4, generator=numbers)
    smooth = torch.nn.functional.interpolate(coarse, size=16, mode="bilinear")
    mixed = torch.einsum(
        "ij,njhw->nihw", torch.tensor([[1, 0.5, 0], [0, 1, 0.5], [0, 0, 1]]), smooth
    )
    return mixed + 0.05 * torch.randn(n, 3, 16, 16, generator=numbers)


def test_values_of_the_whitened_patches_are_uncorrelated_and_of_unit_variance() -> None:
    images = pictures()
    images = images - images.mean()
    values = torch.nn.functional.conv2d(images, whitening(images), stride=2)
    rows = values.permute(0, 2, 3, 1).flatten(0, 2).double()
    second_moments = rows.T @ rows / len(rows)
    expected = torch.eye(12, dtype=torch.float64)
    torch.testing.assert_close(second_moments, expected, atol=0.25, rtol=0)
    off_diagonal = second_moments - second_moments.diag().diag()
    assert off_diagonal.abs().max() < 1e-4


def test_the_first_layer_has_each_direction_and_its_negative() -> None:
    model = made()
    images = pictures()
    model.initialise(images)
    weight = model.whiten.weight
    torch.testing.assert_close(weight[:12], -weight[12:])
    torch.testing.assert_close(weight[:12], whitening(images))


def test_only_the_first_layers_bias_and_the_norms_biases_are_trained_beside_the_kernels() -> None:
    fixed = {name for name, p in made().named_parameters() if not p.requires_grad}
    norms = {f"stages.{stage}.norm{n}.weight" for stage in (0, 1) for n in (1, 2)}
    assert fixed == {"whiten.weight"} | norms


def test_convolutions_start_as_the_identity_of_their_first_channels() -> None:
    group = made().stages[0]
    maps = torch.rand(2, 24, 8, 8)
    torch.testing.assert_close(group.conv2(maps)[:, :24], maps)


def test_the_classifier_shows_normalised_pictures() -> None:
    images = pictures()
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    classifier = Classifier(Normalize(mean, std), made())
    assert classifier.wants_images
    classifier.initialise(images)
    expected = whitening(
        (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    )
    torch.testing.assert_close(classifier.net.whiten.weight[:12], expected, atol=1e-3, rtol=1e-3)


def test_a_network_that_looks_at_nothing_says_so() -> None:
    assert not Classifier(Normalize((0.5,), (0.2,)), torch.nn.Conv2d(1, 1, 1)).wants_images


@pytest.mark.parametrize(
    ("channels", "size", "message"),
    [((), 16, "channels: is empty"), ((8,), 1, "2 pixels at least")],
)
def test_what_cannot_be_built_is_named(channels: tuple[int, ...], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(channels, size)


def test_a_third_convolution_has_a_shortcut_round_it_and_the_second() -> None:
    group = made(depth=3).eval().stages[0]
    maps = torch.randn(2, 24, 8, 8)
    for name, parameter in group.named_parameters():
        torch.nn.init.normal_(parameter, std=0.1 if "conv" in name else 1.0)
    first = torch.relu(group.norm1(group.pool(group.conv1(maps))))
    second = torch.relu(group.norm2(group.conv2(first)))
    third = group.norm3(group.conv3(second))
    assert (third < 0).any()
    torch.testing.assert_close(group(maps), torch.relu(third + first))


def test_every_activation_is_the_one_that_is_asked_for() -> None:
    kinds = [type(module) for module in made(activation="gelu", depth=3).modules()]
    assert kinds.count(torch.nn.GELU) == 1 + 2 * 3
    assert torch.nn.ReLU not in kinds


def test_a_map_of_one_pixel_is_not_pooled() -> None:
    small = made((8, 8, 8), 8)
    assert [type(stage.pool).__name__ for stage in small.stages] == ["MaxPool2d"] * 2 + ["Identity"]
    assert small(torch.rand(2, 3, 8, 8)).shape == (2, 5)
