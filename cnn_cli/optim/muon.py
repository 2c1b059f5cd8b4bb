"""Muon for convolutions: the momentum, made orthogonal, turns each kernel by a set angle."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_cli.limits import Fraction, ProperFraction, Range

Rate = Annotated[float, Range(0, 1, open_low=True)]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pushes singular values from anywhere in (0, 1] to about 1."""
ITERATIONS = 5
TINY = 1e-12


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
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                kept = None if bad is None else self._copies(parameter)
                if parameter.ndim == 4 and self._turns(parameter):
                    self._turn(parameter, parameter.grad, group["lr"], group["momentum"])
                else:
                    self._descend(parameter, parameter.grad, group)
                if bad is not None and kept is not None:
                    put_back(bad, (parameter, self.state[parameter]["momentum_buffer"]), kept)
        return loss

    def _copies(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """What a step of one parameter changes: the parameter and its momentum."""
        buffer = self.state[parameter].get("momentum_buffer")
        before = torch.zeros_like(parameter) if buffer is None else buffer.clone()
        return parameter.clone(), before

    def _turns(self, kernel: Tensor) -> bool:
        """Whether it has a norm to keep, which is looked at before its first step."""
        state = self.state[kernel]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(kernel)
            norm = kernel.norm()
            if norm.item() > 0:
                state["norm"] = norm
        return "norm" in state

    def _turn(self, kernel: Tensor, gradient: Tensor, lr: float, momentum: float) -> None:
        state = self.state[kernel]
        buffer: Tensor = state["momentum_buffer"].mul_(momentum).add_(gradient)
        update = orthogonalised(torch.add(gradient, buffer, alpha=momentum))
        norm: Tensor = state["norm"]
        kernel.addcmul_(update, norm / update.norm().clamp(min=TINY), value=-lr)
        kernel.mul_(norm / kernel.norm().clamp(min=TINY))

    def _descend(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        if group["weight_decay"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        buffer: Tensor = state["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
        step = torch.add(gradient, buffer, alpha=group["momentum"])
        parameter.add_(step, alpha=-group["lr"])


def put_back(bad: Tensor, changed: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    """Where `bad` is 1, `changed` are `kept` again; nothing waits for the device."""
    for now, before in zip(changed, kept, strict=True):
        now.copy_(torch.where(bad.bool(), before, now))


def orthogonalised(kernel: Tensor) -> Tensor:
    """The matrix (out, in * height * width) with its singular values brought to about 1 each.

    Five Newton-Schulz steps; on a GPU in bfloat16, whose errors they forgive. A kernel of zeros
    stays zero. Keeps shape and dtype.
    """
    rows = kernel.permute(0, 2, 3, 1)  # channels last, as kernels lie in memory
    matrix = rows.flatten(1)
    matrix = matrix.bfloat16() if kernel.is_cuda else matrix.float()
    matrix = matrix / matrix.norm().clamp(min=TINY)
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    made: Tensor = (x if wide else x.T).to(kernel.dtype).reshape(rows.shape).permute(0, 3, 1, 2)
    return made
