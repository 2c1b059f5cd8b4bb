"""Lion: every weight moves by the learning rate, up or down."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_cli.limits import Fraction, ProperFraction, Range

Rate = Annotated[float, Range(0, 1, open_low=True)]


class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023, algorithm 2), with decoupled decay.

    A step is lr * sign(beta1 * m + (1 - beta1) * g); then m becomes beta2 * m + (1 - beta2) * g.
    Its rate is 3 to 10 times smaller than AdamW's, its decay as much larger (section 5 there).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: Rate,
        betas: tuple[ProperFraction, ProperFraction],
        weight_decay: Fraction,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    _step_supports_amp_scaling = True
    """torch's mark of optimizers that leave a step undone where their `found_inf` is 1."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update from the gradients; a `closure` is called first and its value returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if moved:
                self._move_unless_bad(moved, group)
        return loss

    def _move_unless_bad(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        bad: Tensor | None = getattr(self, "found_inf", None)
        if bad is None:
            self._move(parameters, group)
            return
        changed = [*parameters, *(self._mean(p) for p in parameters)]
        kept = [tensor.clone() for tensor in changed]
        self._move(parameters, group)
        for now, before in zip(changed, kept, strict=True):  # nothing waits for the device
            now.copy_(torch.where(bad.bool(), before, now))

    def _move(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        gradients = [p.grad for p in parameters if p.grad is not None]
        means = [self._mean(p) for p in parameters]
        directions = torch._foreach_lerp(means, gradients, 1 - beta1)
        torch._foreach_sign_(directions)
        if decay:
            torch._foreach_mul_(parameters, 1 - lr * decay)
        torch._foreach_mul_(directions, lr)  # which may be a tensor, in a CUDA graph
        torch._foreach_sub_(parameters, directions)
        torch._foreach_lerp_(means, gradients, 1 - beta2)

    def _mean(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        mean: Tensor = state["mean"]
        return mean
