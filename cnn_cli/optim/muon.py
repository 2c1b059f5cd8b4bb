"""Muon for convolutions: the momentum, made orthogonal, turns each kernel by a set angle."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_cli.limits import Fraction, ProperFraction, Range

Rate = Annotated[float, Range(0, 1, open_low=True)]
NSSteps = Annotated[int, Range(1, 20)]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pushes singular values from anywhere in (0, 1] to about 1."""
TINY = 1e-12
WIDE = 128
"""Rows from which a CPU multiplies matrices faster in bfloat16, conversion included."""


class Muon(Optimizer):
    """Momentum orthogonalised by Newton-Schulz (Jordan et al. 2024) for kernels, SGD for the rest.

    A kernel (out, in, height, width) is a matrix of `out` rows. Its Nesterov momentum is replaced
    by the nearest matrix whose singular values are all about 1, so that no direction is left
    behind, scaled to `lr` times the kernel's own norm; after the step the kernel has the norm it
    started with, as in KellerJordan/cifar10-airbench. `lr` is therefore a relative change, the same
    for every width and depth, and kernels need no weight decay. That suits networks that normalise
    after their convolutions. A kernel that starts at zero has no norm to keep: it descends as the
    rest do, at the kernels' rate.

    All other parameters (norms, biases, dense layers) go by Nesterov momentum at `rest_lr`, those
    with weights to decay pulled by `weight_decay` of their group.

    Five `ns_steps` of Newton-Schulz bring singular values of a hundredth of the matrix's norm to
    about 1 and those of a thousandth to a half; three leave the latter at a twentieth, which short
    trainings of wide networks stand (airbench).

    `products` is what Newton-Schulz may multiply matrices in: torch.bfloat16 where the hardware has
    it, whose errors it forgives.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: Rate,
        momentum: ProperFraction,
        rest_lr: Rate,
        rest_momentum: ProperFraction,
        weight_decay: Fraction,
        ns_steps: NSSteps = 5,
        products: torch.dtype = torch.float32,
    ) -> None:
        groups: list[dict[str, Any]] = []
        for given in params:
            group: dict[str, Any] = given if isinstance(given, dict) else {"params": [given]}
            kernels = [p for p in group["params"] if p.ndim == 4]
            rest = [p for p in group["params"] if p.ndim != 4]
            groups.append(group | {"params": kernels, "lr": lr, "momentum": momentum})
            groups.append(group | {"params": rest, "lr": rest_lr, "momentum": rest_momentum})
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        defaults["rest_lr"] = rest_lr
        super().__init__([group for group in groups if group["params"]], defaults)
        # copies of an optimizer keep no other attributes
        self.defaults |= {"products": products, "ns_steps": ns_steps}

    _step_supports_amp_scaling = True
    """torch's mark of optimizers that leave a step undone where their `found_inf` is 1."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update from the gradients; a `closure` is called first and its value returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        bad: Tensor | None = getattr(self, "found_inf", None)
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            turned = [p for p in moved if p.ndim == 4 and self._turns(p)]
            rest = [p for p in moved if p.ndim != 4 or "norm" not in self.state[p]]
            self._turn(turned, group, bad)
            self._descend(rest, group, bad)
        return loss

    def _turns(self, kernel: Tensor) -> bool:
        """Whether it has a norm to keep, which is looked at before its first step."""
        state = self.state[kernel]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(kernel)
            norm = kernel.norm()
            if norm.item() > 0:
                state["norm"] = norm
        return "norm" in state

    def _turn(self, kernels: list[Tensor], group: dict[str, Any], bad: Tensor | None) -> None:
        mixed = self._nesterov(kernels, group, bad, weight_decay=0.0)
        for places in _of_one_shape(mixed):
            updates = orthogonalised(
                torch.stack([mixed[i] for i in places]),
                self.defaults["products"],
                self.defaults["ns_steps"],
            )
            for i, update in zip(places, updates, strict=True):
                kernel, norm = kernels[i], self.state[kernels[i]]["norm"]
                turn = norm / update.norm().clamp(min=TINY) * group["lr"]
                kernel.addcmul_(update, turn if bad is None else turn * (1 - bad), value=-1)
                back = norm / kernel.norm().clamp(min=TINY)
                kernel.mul_(back if bad is None else torch.where(bad.bool(), 1, back))

    def _descend(self, weights: list[Tensor], group: dict[str, Any], bad: Tensor | None) -> None:
        if not weights:
            return
        steps = self._nesterov(weights, group, bad, group["weight_decay"])
        torch._foreach_mul_(steps, group["lr"] if bad is None else group["lr"] * (1 - bad))
        torch._foreach_sub_(weights, steps)

    def _nesterov(
        self,
        moved: list[Tensor],
        group: dict[str, Any],
        bad: Tensor | None,
        weight_decay: float,
    ) -> list[Tensor]:
        """Take the gradients into the momenta; gives the directions to go."""
        if not moved:
            return []
        gradients = [p.grad for p in moved if p.grad is not None]
        if weight_decay:
            gradients = list(torch._foreach_add(gradients, moved, alpha=weight_decay))
        if bad is not None:
            gradients = [torch.where(bad.bool(), 0, gradient) for gradient in gradients]
        for parameter in moved:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in moved]
        momentum = group["momentum"]
        torch._foreach_mul_(buffers, momentum if bad is None else momentum + (1 - momentum) * bad)
        torch._foreach_add_(buffers, gradients)
        return list(torch._foreach_add(gradients, buffers, alpha=momentum))


def _of_one_shape(tensors: list[Tensor]) -> list[list[int]]:
    """Places of tensors to be stacked: a GPU then has fewer and larger matrices to do.

    Each alone on a CPU, whose product of stacks takes up to three times as long.
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, tensor in enumerate(tensors):
        alone = () if tensor.is_cuda else (place,)
        places.setdefault((*tensor.shape, *alone), []).append(place)
    return list(places.values())


def orthogonalised(
    kernels: Tensor, products: torch.dtype = torch.float32, ns_steps: int = 5
) -> Tensor:
    """The matrices (out, in * height * width) with their singular values brought to about 1 each.

    `kernels` is (n, out, in, height, width). `ns_steps` of Newton-Schulz; on a GPU in bfloat16, on
    a CPU large ones in `products`. A kernel of zeros stays zero. Keeps shape and dtype.
    """
    rows = kernels.permute(0, 1, 3, 4, 2)  # channels last, as kernels lie in memory
    matrices = rows.flatten(2)
    if not kernels.is_cuda and min(matrices.shape[1:]) < WIDE:
        products = torch.float32
    matrices = matrices.to(torch.bfloat16 if kernels.is_cuda else products)
    matrices = matrices / matrices.flatten(1).norm(dim=1).clamp(min=TINY).view(-1, 1, 1)
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    a, b, c = COEFFICIENTS
    for _ in range(ns_steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    made: Tensor = (x if wide else x.mT).to(kernels.dtype).reshape(rows.shape)
    return made.permute(0, 1, 4, 2, 3)
