import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from meanfield.errors import InvalidInputError
from meanfield.losses import Loss, huber, loss_from_dict, losses


def labels_of(outputs):
    return np.arange(len(outputs)) % outputs.shape[1]


def signs_of(outputs):
    return np.where(np.arange(len(outputs)) % 3 == 0, 1.0, -1.0)[:, None]


def targets_of(outputs):
    return np.roll(outputs, 1, axis=0)


#: Loss, number of outputs, targets, and PyTorch's loss of each point.
CASES = {
    "squared": (
        losses["squared"], 3, targets_of,
        lambda f, y: 0.5 * functional.mse_loss(f, y, reduction="none").sum(1),
    ),
    "logistic": (
        losses["logistic"], 1, signs_of,
        lambda f, y: functional.soft_margin_loss(f, y, reduction="none").sum(1),
    ),
    "cross_entropy": (
        losses["cross_entropy"], 4, lambda f: labels_of(f)[:, None],
        lambda f, y: functional.cross_entropy(f, y[:, 0].long(), reduction="none"),
    ),
    "huber": (
        huber(0.7), 2, targets_of,
        lambda f, y: functional.huber_loss(f, y, delta=0.7, reduction="none").sum(1),
    ),
}  # fmt: skip


def test_every_loss_is_compared_with_pytorch():
    assert set(CASES) == set(losses)


@pytest.mark.parametrize("name", list(CASES))
def test_values_and_derivatives_agree_with_pytorch(name, rng):
    loss, count, make_targets, reference = CASES[name]
    outputs = 4.0 * rng.standard_normal((60, count))
    targets = make_targets(outputs)
    variable = torch.tensor(outputs, requires_grad=True)
    expected = reference(variable, torch.tensor(targets))
    expected.sum().backward()
    # Logarithms and exponentials of numbers of size 10: a few ulp of 10.
    np.testing.assert_allclose(
        loss.values(outputs, targets), expected.detach().numpy(), rtol=1e-14, atol=1e-14
    )
    np.testing.assert_allclose(
        loss.derivatives(outputs, targets), variable.grad.numpy(), rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("name", list(CASES))
def test_derivatives_are_those_of_the_values(name, rng):
    loss, count, make_targets, _ = CASES[name]
    outputs = rng.standard_normal((20, count))
    targets = make_targets(outputs)
    width = 1e-5
    for c in range(count):
        step = width * np.eye(count)[c]
        change = loss.values(outputs + step, targets) - loss.values(outputs - step, targets)
        # Truncation width² |ℓ'''|/6 < 1e-10 (where the Huber loss changes its branch:
        # width * |ℓ''|), rounding 1e-16 / width = 1e-11.
        tolerance = 1e-5 if name == "huber" else 1e-9
        np.testing.assert_allclose(
            change / (2 * width), loss.derivatives(outputs, targets)[:, c], atol=tolerance
        )


@pytest.mark.parametrize("margin", [1e4, -1e4])
def test_extreme_margins_stay_finite_and_exact(margin):
    logistic = losses["logistic"]
    outputs, labels = [[margin], [-margin]], [[1.0], [-1.0]]
    np.testing.assert_array_equal(logistic.values(outputs, labels), [max(-margin, 0.0)] * 2)
    slope = 1.0 if margin < 0.0 else 0.0
    np.testing.assert_array_equal(logistic.derivatives(outputs, labels), [[-slope], [slope]])


def test_extreme_outputs_of_the_cross_entropy_stay_finite_and_exact():
    outputs = [[1e4, -1e4, 0.0]] * 3
    entropy = losses["cross_entropy"]
    np.testing.assert_array_equal(entropy.values(outputs, [[0], [1], [2]]), [0.0, 2e4, 1e4])
    np.testing.assert_array_equal(
        entropy.derivatives(outputs, [[0], [1], [2]]), [[0, 0, 0], [1, -1, 0], [1, 0, -1]]
    )


def test_labels_are_those_of_the_largest_output():
    outputs = np.array([[0.3, -0.1], [-2.0, 5.0]])
    np.testing.assert_array_equal(losses["cross_entropy"].classify(outputs), [0, 1])
    np.testing.assert_array_equal(losses["logistic"].classify(outputs[:, :1]), [1, -1])
    assert losses["logistic"].classifies
    assert not losses["squared"].classifies
    with pytest.raises(InvalidInputError, match="the squared loss has no labels to compare with"):
        losses["squared"].classify(outputs)


@pytest.mark.parametrize(
    ("name", "targets", "outputs", "message"),
    [
        ("squared", np.ones((4, 2)), 1, "targets have 2 columns but the neuron has outputs=1"),
        ("huber", np.ones((4, 1)), 3, "targets have 1 columns but the neuron has outputs=3"),
        ("logistic", np.array([[1.0], [0.0]]), 1, r"labels -1 and \+1, got 0"),
        ("logistic", np.ones((4, 2)), 2, "logistic takes one output, got outputs=2; use cross"),
        ("cross_entropy", np.ones((4, 1)), 1, "cross_entropy needs a neuron with outputs >= 2"),
        ("cross_entropy", np.full((4, 1), 3.0), 3, "labels 0 to 2 .* from 3 to 3"),
        ("cross_entropy", np.full((4, 1), -1.0), 3, "labels 0 to 2 .* from -1 to -1"),
        ("cross_entropy", np.full((4, 1), 0.5), 3, "integer labels 0 to 2"),
        ("cross_entropy", np.eye(3), 3, r"integer labels 0 to 2 .* shape \(3, 3\)"),
    ],
)
def test_targets_that_do_not_fit_are_explained(name, targets, outputs, message):
    with pytest.raises(InvalidInputError, match=message):
        losses[name].check_targets(targets, outputs)


@pytest.mark.parametrize("name", list(CASES))
def test_targets_that_fit_are_accepted(name):
    loss, count, make_targets, _ = CASES[name]
    outputs = np.arange(12.0 * count).reshape(12, count)
    loss.check_targets(make_targets(outputs).astype(np.float64), count)


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "message"),
    [
        ("squared", [1.0], [1.0], r"outputs must have shape \(n, k\)"),
        ("squared", [[1.0], [2.0]], [[1.0]], r"got \(2, 1\) and \(1, 1\)"),
        ("squared", [[1.0, 2.0]], [[1.0]], "targets have 1 columns"),
        ("logistic", [[1.0, 2.0]], [[1.0, 1.0]], "logistic takes one output"),
        ("cross_entropy", [[1.0, 2.0]], [[2]], "labels 0 to 1"),
        ("cross_entropy", [[1.0, 2.0]], [[-1]], "labels 0 to 1"),
        ("cross_entropy", [[1.0, 2.0]], [[np.nan]], "labels 0 to 1"),
        ("cross_entropy", [[1.0, 2.0]], [[0, 1]], "labels 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(name, outputs, targets, message):
    with pytest.raises(InvalidInputError, match=message):
        losses[name].values(outputs, targets)


@pytest.mark.parametrize("loss", [*losses.values(), huber(2.5)], ids=str)
def test_a_loss_survives_json(loss):
    assert loss_from_dict(json.loads(json.dumps(loss.to_dict()))) == loss
    assert loss_from_dict(loss) is loss


def test_a_loss_may_be_a_name():
    assert loss_from_dict("logistic") == Loss("logistic")


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("square", r"unknown loss 'square'; did you mean 'squared'\?"),
        ({"name": "hubber"}, r"unknown loss 'hubber'; did you mean 'huber'\?"),
        ({}, "unknown loss ''"),
        (3, "loss must be a name, a dictionary or a Loss, got 3"),
        ({"name": "huber", "treshold": 1.0}, "'treshold'; did you mean 'threshold'"),
        ({"name": "squared", "threshold": 1.0}, "unknown setting of the squared loss 'threshold'"),
        ({"name": "huber", "threshold": 0.0}, "threshold must be a positive finite number"),
    ],
)
def test_a_wrong_loss_is_answered_with_what_is_allowed(described, message):
    with pytest.raises(InvalidInputError, match=message):
        loss_from_dict(described)
