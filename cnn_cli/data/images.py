"""Pictures of any kind -> uint8 tensors of the channels and size that a model expects."""

import os
import stat
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from cnn_cli.data.contract import Preprocessing, Resize
from cnn_cli.errors import UserError

CHUNK = 1024
"""Pictures scaled at a time, so that intermediate copies stay small."""


class UnreadableImage(UserError):  # noqa: N818 (the fact, not the act)
    """A file that is no picture, is damaged, or has pixels whose meaning is not known."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type["UnreadableImage"], tuple[str, str]]:
        return type(self), (self.path, self.reason)  # workers send it to the main process


def read_image(path: Path | str, preprocessing: Preprocessing) -> Tensor:
    """The file's (first) picture as uint8 (C, S, S), turned upright as its EXIF data says.

    Transparent parts are laid over white, as browsers show them; 16-bit grey is scaled to 8 bits.
    Raises UnreadableImage, also for pictures beyond Pillow's limit of 89 megapixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of metadata; pixels that are wrong raise
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  a pipe would be waited for
                raise UnreadableImage(path, "no regular file")
            pixels = _decode(path, preprocessing.size)
    except UnreadableImage:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        raise UnreadableImage(path, _reason(error)) from error
    return conform(pixels[None], preprocessing)[0]


def conform(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """uint8 (N, C, H, W) of any size, grey or RGB -> uint8 (N, channels, size, size).

    Grey is repeated; RGB becomes grey by its luma (ITU-R 601, as Pillow has it). Scaling is
    bilinear with antialiasing. Raises UserError for channels other than 1 and 3.
    """
    if preprocessing.channels not in (1, 3):
        raise UserError(
            f"dataset.channels: {preprocessing.channels}; allowed are 1 (grey) and 3 (RGB)"
        )
    size, policy = preprocessing.size, preprocessing.resize
    if tuple(images.shape[-2:]) != (size, size):
        images = torch.cat([_resize(part, size, policy) for part in torch.split(images, CHUNK)])
    return _channels(images, preprocessing.channels)


def _decode(path: Path | str, size: int) -> Tensor:
    """(C, H, W) uint8, C = 1 or 3."""
    with Image.open(path) as image:
        # A JPEG decodes several times faster at 1/2, 1/4 or 1/8; twice `size` keeps it sharp.
        image.draft(None, (2 * size, 2 * size))
        ImageOps.exif_transpose(image, in_place=True)
        pixels = torch.from_numpy(np.array(_eight_bit(image, path)))
    return pixels.movedim(-1, 0) if pixels.ndim == 3 else pixels[None]


def _eight_bit(image: Image.Image, path: Path | str) -> Image.Image:
    """The same picture in mode L or RGB."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return Image.fromarray(((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "32-bit whole number" if image.mode == "I" else "floating-point"
        raise UnreadableImage(
            path, f"{kind} pixels have no known range; save it with 8 or 16 bits a channel"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def _resize(images: Tensor, size: int, policy: Resize) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size); uint8 in, uint8 out."""
    height, width = images.shape[-2:]
    if policy == "squash":
        return _scale(images, size, size)
    if policy == "crop":
        # Cutting before scaling gives the same picture, whatever the aspect, in bounded memory.
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _scale(images[..., top : top + side, left : left + side], size, size)
    longest = max(height, width)
    rows, columns = max(1, height * size // longest), max(1, width * size // longest)
    top, left = (size - rows) // 2, (size - columns) // 2
    canvas = images.new_zeros((*images.shape[:2], size, size))
    canvas[..., top : top + rows, left : left + columns] = _scale(images, rows, columns)
    return canvas


def _scale(images: Tensor, height: int, width: int) -> Tensor:
    if tuple(images.shape[-2:]) == (height, width):
        return images
    return F.interpolate(images, size=(height, width), mode="bilinear", antialias=True)


def _channels(images: Tensor, channels: int) -> Tensor:
    present = images.shape[1]
    if present == channels:
        return images
    if present == 1:
        return images.expand(-1, channels, -1, -1)
    return torch.cat([_luma(part) for part in torch.split(images, CHUNK)])


def _luma(images: Tensor) -> Tensor:
    """0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded."""
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32, device=images.device)
    luma = (images * weights.view(3, 1, 1)).sum(1, keepdim=True, dtype=torch.int32)
    return ((luma + 0x8000) // 0x10000).to(torch.uint8)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture that Pillow can read"
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return f"more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
    return f"damaged, or of an unknown kind ({str(error) or type(error).__name__})"
