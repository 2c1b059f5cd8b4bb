"""Every model of configs/model becomes an ONNX file that says the same, at its defaults."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from cnn_cli import build
from cnn_cli.data.contract import Preprocessing
from cnn_cli.export import onnx_file
from cnn_cli.export.deployed import Deployed, trace
from cnn_cli.export.parity import compare

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

CONFIGS = Path(__file__).parents[2] / "configs" / "model"
MODELS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
SIZE, CLASSES = 16, 5


@pytest.mark.parametrize("name", MODELS)
def test_the_file_says_what_the_model_says(name: str) -> None:
    node = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"), resolve=True)
    form = Preprocessing(3, SIZE, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))
    model = build.model(node, form, CLASSES, 0, trust=())
    draw = torch.Generator().manual_seed(1)
    images = torch.randint(256, (12, 3, SIZE, SIZE), generator=draw, dtype=torch.uint8)
    with torch.no_grad():
        model.train()(images)  # statistics that are not 0 and 1
    deployed = Deployed(model.eval(), 0.7)
    data = onnx_file.to_onnx(deployed, (3, SIZE), {})
    run = onnx_file.runner(data, 1)
    with torch.no_grad():
        parity = compare(
            lambda batch: (model(batch) / 0.7).numpy(), run, images.split([1, 4, 7]), 1e-4
        )
    assert parity.passed, parity
    ours = trace(deployed, images[:2])
    assert len(ours) > 4
    assert list(onnx_file.stages_of(data, images[:2], tuple(ours))) == list(ours)
