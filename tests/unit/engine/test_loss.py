"""The training loss against torch's for hard labels, and against its formula for soft ones."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cnn_cli.engine.loss import Loss, class_weights
from cnn_cli.errors import UserError

LABELS = torch.tensor([0, 2, 1, 2])
WEIGHTS = torch.tensor([1.0, 0.5, 3.0])


def logits() -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def mean(loss: Loss, targets: torch.Tensor) -> torch.Tensor:
    return loss(logits(), targets) / loss.total(targets)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_targets_sum_to_one_and_the_loss_is_torchs(smoothing: float) -> None:
    loss = Loss(smoothing)
    targets = loss.targets(LABELS, 3)
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    assert targets[0].tolist() == pytest.approx(
        [1 - smoothing * 2 / 3, smoothing / 3, smoothing / 3]
    )
    expected = F.cross_entropy(logits(), LABELS, label_smoothing=smoothing)
    torch.testing.assert_close(mean(loss, targets), expected)


def test_weights_are_those_of_torch_for_hard_labels() -> None:
    loss = Loss(0.0, WEIGHTS)
    expected = F.cross_entropy(logits(), LABELS, WEIGHTS)
    torch.testing.assert_close(mean(loss, loss.targets(LABELS, 3)), expected)


def test_equal_weights_change_nothing_however_large() -> None:
    targets = Loss(0.2).targets(LABELS, 3)
    torch.testing.assert_close(
        mean(Loss(0.2, torch.full((3,), 7.0)), targets), mean(Loss(0.2), targets)
    )


def test_focal_loss_is_its_formula() -> None:
    loss = Loss(gamma=2.0)
    own = logits().softmax(1)[torch.arange(4), LABELS]
    expected = (-((1 - own) ** 2) * own.log()).mean()
    torch.testing.assert_close(mean(loss, loss.targets(LABELS, 3)), expected)


def test_auto_is_scikit_learns_balanced() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.tensor([0] * 7 + [1] * 2 + [2])
    found = class_weights("auto", ("a", "b", "c"), labels)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    assert found is not None
    assert found.tolist() == pytest.approx(expected.tolist())


def test_classes_are_weighed_by_name() -> None:
    found = class_weights({"dog": 2.5}, ("cat", "dog"), LABELS)
    assert found is not None
    assert found.tolist() == [1.0, 2.5]
    assert class_weights(None, ("cat", "dog"), LABELS) is None


def test_unknown_and_empty_classes_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"no such class: 'dg' \(did you mean 'dog'\?\)"):
        class_weights({"dg": 2.0}, ("cat", "dog"), LABELS)
    with pytest.raises(UserError, match="no training pictures of fish"):
        class_weights("auto", ("cat", "dog", "eel", "fish"), torch.tensor([0, 1, 2]))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_focal_loss_has_a_gradient_where_a_picture_is_certain(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    Loss(0.0, None, gamma)(logits, torch.tensor([[1.0, 0.0, 0.0]])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
