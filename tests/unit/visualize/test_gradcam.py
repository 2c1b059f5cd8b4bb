"""Grad-CAM, against the closed forms that models with a linear end have."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnn_cli.errors import UserError
from cnn_cli.visualize.gradcam import grad_cam, gradcam
from cnn_cli.visualize.subject import Subject


class Averaged(nn.Module):
    """Features, their means, a linear end: Grad-CAM is the weights of the class times the maps."""

    def __init__(self, *, inplace: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.features = nn.Conv2d(3, 5, 3, stride=2)
        self.relu = nn.ReLU(inplace)
        self.end = nn.Linear(5, 4)

    def forward(self, images: Tensor) -> Tensor:
        end: Tensor = self.end(self.relu(self.features(images)).mean(dim=(2, 3)))
        return end


def pictures(count: int = 6) -> Tensor:
    return torch.rand(count, 3, 13, 13, generator=torch.Generator().manual_seed(5))


def expected(maps: Tensor, weights: Tensor, size: int) -> Tensor:
    evidence = torch.einsum("nchw,nc->nhw", maps, weights).relu()
    full = F.interpolate(evidence[:, None], (size, size), mode="bilinear", align_corners=False)
    return full[:, 0] / full.amax(dim=(1, 2, 3)).clamp_min(1e-30)[:, None, None]


@pytest.mark.parametrize("inplace", [False, True])
def test_a_linear_end_gives_the_weighted_sum_of_the_maps(inplace: bool) -> None:
    model, images, classes = Averaged(inplace=inplace), pictures(), torch.tensor([0, 1, 2, 3, 0, 1])
    evidence = grad_cam(model, images, classes, None)
    maps = model.features(images).relu().detach()
    torch.testing.assert_close(
        evidence.maps, expected(maps, model.end.weight[classes].detach(), 13)
    )
    assert evidence.layer == "relu"
    torch.testing.assert_close(evidence.probabilities, model(images).detach().softmax(dim=1))


def test_a_layer_before_an_in_place_one_can_be_looked_at() -> None:
    model, images, classes = Averaged(inplace=True), pictures(), torch.zeros(6, dtype=torch.int64)
    evidence = grad_cam(model, images, classes, "features")
    maps = model.features(images).detach()
    # The gradient reaches the maps where they are above 0, so its mean is the share of those.
    weights = model.end.weight[classes].detach() * (maps > 0).float().mean(dim=(2, 3))
    torch.testing.assert_close(evidence.maps, expected(maps, weights, 13))


def test_a_purely_linear_model_is_looked_at_in_its_own_input() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.Flatten(), nn.Linear(3 * 13 * 13, 2))
    images, classes = pictures(), torch.tensor([0, 1, 0, 1, 0, 1])
    evidence = grad_cam(model, images, classes, None)
    maps = model.eval()[0](images)
    weights = model[2].weight.detach().view(2, 3, -1).mean(dim=2)[classes]
    torch.testing.assert_close(evidence.maps, expected(maps, weights, 13))


def test_without_classes_the_predicted_ones_are_explained() -> None:
    model, images = Averaged(), pictures()
    predicted = model(images).argmax(dim=1)
    torch.testing.assert_close(
        grad_cam(model, images, None, None).maps, grad_cam(model, images, predicted, None).maps
    )


def test_no_evidence_is_all_zero_not_a_division_by_zero() -> None:
    model = Averaged()
    nn.init.constant_(model.end.weight, -1.0)
    assert grad_cam(model, pictures(), None, None).maps.abs().max() == 0


def test_a_frozen_model_in_training_mode_is_left_as_it_was() -> None:
    model = Averaged().requires_grad_(False)
    model.features.train(False)
    modes = [module.training for module in model.modules()]
    with torch.no_grad():
        grad_cam(model, pictures(), None, None)
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None and not p.requires_grad for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_gone_after_an_error() -> None:
    model = Averaged()
    with pytest.raises(RuntimeError):
        grad_cam(model, torch.rand(1, 7, 13, 13), None, None)
    assert not any(module._forward_hooks for module in model.modules())
    assert model.training


def test_an_unknown_layer_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"did you mean 'features'.*these do: features, relu"):
        grad_cam(Averaged(), pictures(), None, "feature")


def test_a_model_without_maps_is_refused() -> None:
    with pytest.raises(UserError, match="no layer"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(507, 2)), pictures(), None, None)


def test_the_figure_shows_picture_and_evidence(make_subject: Callable[..., Subject]) -> None:
    subject = make_subject()
    (figure,) = gradcam(subject, count=4, explain="true", layer=None).values()
    assert len([axes for axes in figure.axes if axes.images]) == 8
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any("ant" in word for word in words)
    assert sum(word == "correct" or word.startswith("truly") for word in words) == 4
