"""The script's own reading of pictures: the same pixels as in training, to the bit."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from cnn_cli.data.contract import Preprocessing
from cnn_cli.data.folder_tree import FORMATS
from cnn_cli.data.images import read_image
from cnn_cli.export import standalone

RNG = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def test_scaling_is_torchs_to_the_bit():
    for number in range(200):
        height, width, rows, columns = RNG.integers((1, 1, 4, 4), (200, 200, 70, 70))
        source = pixels(height, width, (1, 3)[number % 2])
        source = source // 128 * 255 if number % 5 == 0 else source
        tensor = torch.from_numpy(source).movedim(-1, 0)[None]
        size = (int(rows), int(columns))
        expected = F.interpolate(tensor, size=size, mode="bilinear", antialias=True)
        found = standalone.scaled(source, *size)
        np.testing.assert_array_equal(found, expected[0].movedim(0, -1).numpy())


def transparent() -> Image.Image:
    image = Image.fromarray(pixels(30, 20), "L").convert("P")
    image.info["transparency"] = 3
    return image


def turned() -> tuple[Image.Image, dict[str, object]]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return Image.fromarray(pixels(31, 50, 3)), {"exif": exif}


PICTURES = {
    "grey.png": lambda: (Image.fromarray(pixels(40, 25)), {}),
    "colour.png": lambda: (Image.fromarray(pixels(25, 40, 3)), {}),
    "alpha.png": lambda: (Image.fromarray(pixels(33, 33, 4)), {}),
    "grey_alpha.png": lambda: (Image.fromarray(pixels(33, 21, 2), "LA"), {}),
    "palette.gif": lambda: (transparent(), {"transparency": 3}),
    "bits.png": lambda: (Image.fromarray(pixels(16, 40)).convert("1"), {}),
    "deep.png": lambda: (Image.fromarray(RNG.integers(0, 65536, (20, 30)).astype(np.uint16)), {}),
    "cmyk.jpg": lambda: (Image.fromarray(pixels(50, 40, 4), "CMYK"), {}),
    "turned.jpg": turned,
    "large.jpg": lambda: (Image.fromarray(pixels(300, 420, 3)), {}),
    "tiny.bmp": lambda: (Image.fromarray(pixels(2, 3, 3)), {}),
    "exact.webp": lambda: (Image.fromarray(pixels(16, 16, 3)), {}),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Pillow's, for the mode of fromarray
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_every_kind_of_picture_is_read_as_in_training(name, resize, tmp_path):
    image, options = PICTURES[name]()
    image.save(tmp_path / name, **options)
    for channels, size in ((1, 16), (3, 16), (3, 33)):
        form = Preprocessing(channels, size, resize)
        found = standalone.read(tmp_path / name, dataclasses.asdict(form))
        np.testing.assert_array_equal(found, read_image(tmp_path / name, form).numpy())


def test_a_folder_is_searched_as_predict_does(tmp_path):
    assert standalone.FORMATS == FORMATS
    for name in ("b/2.PNG", "a.jpg", "b/1.png", ".cache/x.png", "b/._1.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(p.relative_to(tmp_path)) for p in standalone.found(tmp_path)]
    assert names == ["a.jpg", "b/1.png", "b/2.PNG"]
    assert standalone.found(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script over a network that tells dark from bright, and two pictures and a wrong file."""
    form = dataclasses.asdict(Preprocessing(1, 8))
    about = {"classes": ["dark", "bright"], "preprocessing": form}

    def network(images):
        share = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - share, share], axis=1)

    monkeypatch.setattr(standalone, "load", lambda _: (about, network))
    for name, level in (("a.png", 51), ("b.png", 204)):
        Image.new("L", (9, 9), level).save(tmp_path / name)
    (tmp_path / "c.png").write_text("no picture")
    Image.new("F", (9, 9)).save(tmp_path / "d.tiff")
    return lambda *words: monkeypatch.setattr("sys.argv", ["predict.py", *words])


def test_lines_and_json(script, tmp_path, capsys):
    script(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert standalone.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'a.png'}: dark 80.0%",
        f"{tmp_path / 'b.png'}: bright 80.0%",
    ]
    script("--json", str(tmp_path / "b.png"))
    assert standalone.main() == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["class"] == "bright"
    assert answer["all"]["dark"] == pytest.approx(0.2)


def test_a_folder_without_pictures_is_said(script, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    script(str(tmp_path / "empty"))
    with pytest.raises(SystemExit, match="2"):
        standalone.main()
    assert "there is no picture" in capsys.readouterr().err


def test_what_cannot_be_read_is_named_and_the_rest_is_done(script, tmp_path, capsys):
    script(str(tmp_path), str(tmp_path / "gone.png"))
    assert standalone.main() == 1
    shown = capsys.readouterr()
    assert [line.rpartition(": ")[2] for line in shown.out.splitlines()] == [
        "dark 80.0%", "bright 80.0%",
    ]  # fmt: skip
    told = shown.err.splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        str(tmp_path / name) for name in ("c.png", "d.tiff", "gone.png")
    ]
