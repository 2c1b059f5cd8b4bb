"""First weights: found, checked, adopted, refused."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import ResNet18_Weights, resnet18

from cnn_cli import build, pretrained
from cnn_cli.data.contract import Preprocessing
from cnn_cli.errors import UserError
from cnn_cli.models.classifier import Classifier

OURS = {"_target_": pretrained.OURS, "name": "resnet18"}
GREY = Preprocessing(1, 28, mean=(0.3,), std=(0.2,))
COLOUR = Preprocessing(3, 224, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that passes for torchvision's resnet18-HASH.pth, where torch.hub keeps it."""
    made = tmp_path / "hub" / "checkpoints" / "weights.pth"
    made.parent.mkdir(parents=True)
    torch.save(resnet18().state_dict(), made)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()[:8]
    file = made.rename(made.with_name(f"resnet18-{digest}.pth"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    url = f"file://{tmp_path}/nothing/{file.name}"
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", url, raising=False)
    return file


def model(form: Preprocessing, classes: int = 4) -> Classifier:
    return build.model(OURS, form, classes, 0, ())


@pytest.mark.parametrize("name", ["default", "DEFAULT", "imagenet1k_v1"])
def test_torchvisions_own_bring_their_preprocessing(hub: Path, name: str) -> None:
    first = pretrained.read(OURS | {"weights": name}, "runs")
    assert first is not None
    assert first.path == hub
    assert first.preprocessing == Preprocessing(
        3, 224, "crop", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    )
    (note,) = pretrained.prepare(model(GREY), OURS, first, tuple("abcd"))
    assert "ResNet18_Weights.IMAGENET1K_V1 of torchvision: 100 of 102 tensors" in note
    assert "for other channels: conv1.weight" in note
    assert "of another shape: fc.weight, fc.bias" in note


def test_a_damaged_download_is_named(hub: Path) -> None:
    content = bytearray(hub.read_bytes())
    content[1000] ^= 1
    hub.write_bytes(content)
    with pytest.raises(UserError, match=r"is damaged: its sha256 .*remove it to download it"):
        pretrained.read(OURS | {"weights": "default"}, "runs")


def test_without_a_network_it_says_what_to_put_where(hub: Path) -> None:
    hub.unlink()
    with pytest.raises(UserError, match=rf"{hub} is not there.*put the file there yourself"):
        pretrained.read(OURS | {"weights": "default"}, "runs")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": "x.Net", "weights": "default"}, "only torchvision's models have weights"),
        (OURS | {"weights": "imagenet1k_v3"}, r"did you mean 'IMAGENET1K_V1'.*torchvision's for"),
        (OURS | {"weights": "ResNet50_Weights.DEFAULT"}, "no such run or checkpoint file"),
        (OURS | {"weights": 3}, "model.weights=3: must be text or null"),
        ({"_target_": "x.Net", "weights": "gone.pt"}, "there is no file /.*gone.pt"),
        ({"_target_": "x.Net", "weights": "gone"}, "gone: no such run or checkpoint file"),
    ],
)
def test_weights_that_are_not_there_are_refused(node: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pretrained.read(node, "runs")


@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
def test_a_file_of_another_program(tmp_path: Path, nested: str | None) -> None:
    tensors = resnet18(num_classes=4).state_dict()
    torch.save(tensors if nested is None else {nested: tensors, "epoch": 3}, tmp_path / "w.pt")
    first = pretrained.read(OURS | {"weights": str(tmp_path / "w.pt")}, "runs")
    assert first is not None
    assert first.preprocessing is None
    made = model(COLOUR)
    (note,) = pretrained.prepare(made, OURS, first, tuple("abcd"))
    assert "102 of 102 tensors loaded (100%" in note
    assert made.net.state_dict()["fc.weight"].equal(tensors["fc.weight"])


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"w": Evil()}, "holds Python objects, not only tensors, and is not loaded"),
        ([1], "holds no state_dict"),
        ({"a": 1}, "holds no state_dict"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match=message):
        pretrained.read(OURS | {"weights": str(tmp_path / "w.pt")}, "runs")
    assert not Path("ran").exists()


def test_weights_of_which_nothing_fits_are_refused(tmp_path: Path) -> None:
    torch.save({"block.kernel": torch.zeros(3)}, tmp_path / "w.pt")
    first = pretrained.read(OURS | {"weights": str(tmp_path / "w.pt")}, "runs")
    with pytest.raises(UserError, match=r"nothing in it fits this model: it has block.kernel"):
        pretrained.prepare(model(COLOUR), OURS, first, None)


@pytest.mark.parametrize(
    ("data", "own", "given", "changed"),
    [
        (GREY, None, set(), {}),
        (GREY, COLOUR, set(), {"size": 224, "mean": (0.5,), "std": (pytest.approx(0.3),)}),
        (GREY, COLOUR, {"dataset.size", "dataset.std"}, {"mean": (0.5,)}),
        (COLOUR, GREY, set(), {"size": 28, "mean": (0.3,) * 3, "std": (0.2,) * 3}),
        (GREY, Preprocessing(1, 32), set(), {"size": 32}),
        (GREY, Preprocessing(1, 28, "pad"), set(), {"size": 28, "resize": "pad"}),
        (GREY, Preprocessing(1, 28, "pad"), {"dataset.resize"}, {"size": 28}),
    ],
)
def test_pictures_are_prepared_as_the_weights_know_them(
    data: Preprocessing, own: Preprocessing | None, given: set[str], changed: dict[str, Any]
) -> None:
    assert pretrained.adopted(data, own, given) == changed


@pytest.mark.parametrize(
    ("freeze", "message"),
    [(99, r"model.freeze: 99 stages are too many"), (-1, "must be"), (["fc", "no"], "no no to")],
)
def test_what_cannot_be_frozen_is_refused(freeze: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        pretrained.prepare(model(COLOUR), OURS | {"freeze": freeze}, None, None)
