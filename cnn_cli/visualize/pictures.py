"""Pictures as figures show them, and as models take them."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cnn_cli.visualize.style import FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

SHARP = 100
"""Side in pixels up to which every pixel is shown as a square of its own."""


def model_input(images: Tensor, device: torch.device) -> Tensor:
    """uint8 (N, C, H, W) -> float in [0, 1] on `device`, as models take them."""
    return images.to(device).float() / 255


def displayed(image: Tensor) -> "NDArray[Any]":
    """(C, H, W), uint8 or float in [0, 1] -> (H, W, 3) of the same kind; not RGB means grey."""
    if image.shape[0] != 3:
        image = image.float().mean(dim=0, keepdim=True).to(image.dtype).expand(3, -1, -1)
    shown: NDArray[Any] = image.detach().cpu().permute(1, 2, 0).numpy()
    return shown if image.dtype == torch.uint8 else shown.clip(0, 1)


def show(axes: "Axes", pixels: "NDArray[Any]", **scale: Any) -> None:
    """Draw (H, W) or (H, W, 3) without ticks; `scale` goes to imshow (cmap, vmin, vmax, alpha)."""
    blocks = "nearest" if max(pixels.shape[:2]) <= SHARP else "antialiased"
    axes.imshow(pixels, interpolation=blocks, **scale)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT)
