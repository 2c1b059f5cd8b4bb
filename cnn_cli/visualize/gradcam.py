"""Grad-CAM: where in a picture the evidence for a class lies (Selvaraju et al., ICCV 2017)."""

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from cnn_cli.errors import UserError
from cnn_cli.limits import Count
from cnn_cli.visualize.hooks import (
    Seen,
    chosen_layer,
    evaluating,
    finished,
    layer_maps,
    watching,
)
from cnn_cli.visualize.pictures import displayed, model_input, show
from cnn_cli.visualize.style import (
    GREEN,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    QUIET,
    new_figure,
    panel,
    shortened,
    style,
)
from cnn_cli.visualize.subject import Subject, needed, one_of_each

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE, GAP, LABEL = 1.5, 0.16, 0.42
LEAST_SIDE = 4


class Evidence(NamedTuple):
    """maps (N, H, W) in [0, 1] at the pictures' size; probabilities (N, K); the layer looked at."""

    maps: Tensor
    probabilities: Tensor
    layer: str


def gradcam(
    subject: Subject,
    *,
    count: Count,
    explain: Literal["predicted", "true"],
    layer: str | None,
) -> "dict[str, Figure]":
    """`count` pictures, of as many classes as there are, and over them what spoke for the class.

    `explain` says which class's evidence is shown. `layer` is the name of the layer looked at; None
    takes the last that ends in an activation or a block and whose maps are 4x4 or larger (the
    largest there are where none is): of a smaller map, evidence would only be a smear.

    Raises UserError without a model or pictures, or where `layer` gives no such maps.
    """
    model = needed(subject.model, "gradcam", "a trained model")
    batch = one_of_each(subject, "gradcam", count)
    labels = batch.labels.to(subject.device) if explain == "true" else None
    evidence = grad_cam(model, model_input(batch.images, subject.device), labels, layer)
    with style():
        return {"gradcam": _draw(subject, batch.images, batch.labels, evidence, explain)}


def grad_cam(
    model: nn.Module, images: Tensor, classes: Tensor | None, layer: str | None
) -> Evidence:
    """The evidence in `images` (N, C, H, W) in [0, 1] for `classes` (N,); None = the predicted.

    Each map of the layer is weighted by the mean of the gradient of the class's logit over it; what
    is positive in their sum is the evidence, enlarged to the picture and divided by its maximum.
    """
    seen = layer_maps(model, images[:1])
    names = [name for name, _, _ in seen]
    if not seen:
        raise UserError("figure.gradcam: the model has no layer whose maps are larger than 1x1")
    name = chosen_layer(layer or _default_layer(seen), names, "figure.gradcam.layer")
    with evaluating(model), torch.enable_grad():
        maps, logits = _run(model, images, name)
        wanted = logits.argmax(dim=1) if classes is None else classes
        score = logits.gather(1, wanted[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    evidence = (weights * maps.detach()).sum(dim=1, keepdim=True).relu()
    size = (images.shape[2], images.shape[3])
    full = nn.functional.interpolate(evidence, size=size, mode="bilinear", align_corners=False)[
        :, 0
    ]
    most = full.amax(dim=(1, 2), keepdim=True)
    return Evidence(full / torch.where(most > 0, most, 1.0), logits.detach().softmax(dim=1), name)


def _default_layer(seen: Seen) -> str:
    ends = finished(seen)
    least = min(LEAST_SIDE, max(min(maps.shape[2:]) for _, _, maps in ends))
    return next(name for name, _, maps in reversed(ends) if min(maps.shape[2:]) >= least)


def _run(model: nn.Module, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """The maps of `layer`, from which alone gradients start, and the logits."""
    kept: list[Tensor] = []

    def cut(name: str, _module: nn.Module, output: Tensor) -> Tensor | None:
        if name != layer:
            return None
        kept.append(output.detach().clone().requires_grad_())
        return kept[-1].clone()  # a layer that works in place would spoil the leaf

    with watching(model, cut):
        logits = model(images)
    return kept[-1], logits


def _draw(
    subject: Subject, images: Tensor, labels: Tensor, evidence: Evidence, explain: str
) -> "Figure":
    columns = min(len(images), 6)
    rows = -(-len(images) // columns)
    high = 2 * TILE + LABEL + 0.22
    width = max(2 * MARGIN + columns * (TILE + GAP) + 0.7, 6.6)
    subtitle = f"{subject.origin} · evidence for the {explain} class at layer {evidence.layer}"
    figure = new_figure(width, HEADER + rows * high + 0.1, "Grad-CAM", subtitle)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        left, top = MARGIN + column * (TILE + GAP), HEADER + row * high
        true = subject.classes[int(labels[index])]
        chance, guess = evidence.probabilities[index].max(dim=0)
        predicted = subject.classes[int(guess)]
        colour = GREEN if predicted == true else ORANGE
        upper = panel(figure, left, top + LABEL, TILE, TILE)
        word = f"{shortened(predicted, 11)} · {float(chance):.0%}"
        note = "correct" if predicted == true else f"truly {shortened(true, 12)}"
        upper.text(0, 1.16, word, transform=upper.transAxes, fontweight="bold", color=colour)
        upper.text(0, 1.04, note, transform=upper.transAxes, fontsize=8.5, color=QUIET)
        show(upper, displayed(image))
        lower = panel(figure, left, top + LABEL + TILE + 0.06, TILE, TILE)
        heat = evidence.maps[index].cpu().numpy()
        show(lower, displayed(image.float().mean(dim=0, keepdim=True) / 255) * 0.75)
        lower.imshow(
            heat, cmap="inferno", vmin=0, vmax=1, alpha=0.75 * heat**0.6, interpolation="bilinear"
        )
    _scale(figure, MARGIN + columns * (TILE + GAP), HEADER + LABEL + TILE + 0.06)
    return figure


def _scale(figure: "Figure", left: float, top: float) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(
        ScalarMappable(cmap=colormaps["inferno"]), cax=panel(figure, left, top, 0.12, TILE)
    )
    bar.set_ticks([0, 1], labels=["none", "most"])
    bar.set_label("evidence", labelpad=-18, color=INK)
    bar.outline.set_visible(False)
