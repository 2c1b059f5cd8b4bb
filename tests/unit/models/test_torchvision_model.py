"""torchvision's classifiers for our classes, channels and sizes."""

import pytest
import torch
from torch import nn

from cnn_cli import build
from cnn_cli.data.contract import Preprocessing
from cnn_cli.models.freezing import stages
from cnn_cli.models.torchvision_model import names, torchvision_model


@pytest.mark.parametrize("name", names())
def test_every_classifier_takes_grey_pictures_and_gives_our_classes(name: str) -> None:
    size = {"inception_v3": 75, "maxvit_t": 224, "vit_h_14": 56}.get(name, 64)
    with torch.device("meta"):
        network = torchvision_model(1, 7, size, name=name).train()
        assert network(torch.empty(2, 1, size, size)).shape == (2, 7)
    assert len(stages(network)) > 1
    assert not any(getattr(module, "inplace", False) for module in network.modules())


def test_a_new_stem_is_initialised_by_the_channels_it_has() -> None:
    torch.manual_seed(0)
    stem = torchvision_model(1, 7, 64, name="resnet18").get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d)
    assert stem.weight.shape == (64, 1, 7, 7)
    assert 0.5 < stem.weight.std() * (3 * 49) ** 0.5 < 2  # uniform within 1 / sqrt(fan in)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("resnet19", 64, r"no classifier resnet19 \(did you mean 'resnet1\d'\?\)$"),
        ("q", 64, r"no classifier q; it has alexnet, "),
        ("vit_b_16", 50, r"vit_b_16 takes no pictures of 50 pixels"),
    ],
)
def test_what_cannot_be_is_named(name: str, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        torchvision_model(3, 7, size, name=name)


def test_logits_of_others_networks_are_not_rounded() -> None:
    node = {"_target_": "torchvision.models.shufflenet_v2_x0_5", "weights": None}
    net = build.model(node, Preprocessing(3, 32), 5, 0, ()).eval()
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(torch.rand(2, 3, 32, 32))
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
    assert [name for name, _ in net.net.fc.named_parameters()] == ["weight", "bias"]


def test_others_networks_compute_maps_narrower_than_a_stride_in_float32() -> None:
    node = {"_target_": "torchvision.models.resnet18", "weights": None}
    net = build.model(node, Preprocessing(3, 16), 5, 0, ())
    strided = net.get_submodule("net.layer4.0.conv1")
    with torch.autocast("cpu", torch.bfloat16):
        assert strided(torch.rand(1, 256, 1, 1)).dtype == torch.float32
        assert strided(torch.rand(1, 256, 2, 2)).dtype == torch.bfloat16
