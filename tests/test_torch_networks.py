"""Networks of PyTorch: read as measures, trained as the flow, recorded as runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import meanfield as mf
from meanfield.coupling import coupling_distance
from meanfield.solvers import SGD, ParticleFlow

torch = pytest.importorskip("torch")
nn = torch.nn

WIDTH = 24


def plain(inputs=1, outputs=1, width=WIDTH, activation=None, bias=True, dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(inputs, width, bias=bias),
        activation or nn.Tanh(),
        nn.Linear(width, outputs, bias=False),
    ).to(dtype)


def data(outputs=1, points=7, inputs=1):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((points, inputs))
    return mf.Dataset(x, np.tanh(x[:, :1] - 0.5) * np.arange(1, outputs + 1))


def tensors(dataset):
    return torch.tensor(dataset.inputs), torch.tensor(dataset.targets)


def train(model, optimizer, loss, steps, after=lambda k: None):
    after(0)
    for k in range(1, steps + 1):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        after(k)


# -- what a network is ---------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.0, 1.0 / WIDTH, -3.0])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_measure_predicts_what_the_model_computes(factor, scale):
    model = plain(inputs=2, outputs=2)
    problem = mf.Problem(mf.neuron_from_torch(model), data(outputs=2, inputs=2), scale=scale)
    measure = mf.measure_from_torch(model, output_factor=factor, scale=scale)
    x = problem.data.inputs
    expected = factor * model(torch.tensor(x)).detach().numpy()
    # Sums of N terms in another order: N rounding errors of their size.
    assert np.allclose(problem.predict(measure, x), expected, rtol=0, atol=1e-13)


class Written(nn.Module):
    """A model with its activation and its factor in the forward."""

    def __init__(self, function, factor):
        super().__init__()
        self.outer_layer_comes_second = nn.Linear(2, 8)
        self.last = nn.Linear(8, 1, bias=False)
        self.function, self.factor = function, factor

    def forward(self, x):
        hidden = self.function(self.outer_layer_comes_second(x.flatten(1)))
        return self.factor * self.last(hidden).squeeze(-1)


def test_forwards_written_by_hand_are_read_where_they_are_what_is_said():
    model = Written(torch.sin, 0.125)
    neuron = mf.neuron_from_torch(model, activation="sin")
    measure = mf.measure_from_torch(model, output_factor=0.125, activation="sin")
    assert neuron.activation.name == "sin"
    assert np.array_equal(measure.positions[:, 0], model.last.weight.detach().numpy()[0])
    with pytest.raises(mf.InvalidInputError, match="has no module for an activation"):
        mf.neuron_from_torch(model)
    with pytest.raises(mf.InvalidInputError, match=r"something else .* activation tanh"):
        mf.neuron_from_torch(model, activation="tanh")
    with pytest.raises(
        mf.InvalidInputError, match=r"multiplies by 0\.125, but output_factor is 1;"
    ):
        mf.measure_from_torch(model, activation="sin")


def test_a_factor_of_the_loop_is_not_that_of_the_forward():
    model = plain()
    twice = mf.measure_from_torch(model, output_factor=2.0)
    once = mf.measure_from_torch(model)
    assert np.array_equal(twice.positions, once.positions * [2.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        (nn.ReLU(), "relu", {}),
        (nn.LeakyReLU(0.2), "leaky_relu", {"slope": 0.2}),
        (nn.Tanh(), "tanh", {}),
        (nn.Sigmoid(), "sigmoid", {}),
        (nn.SiLU(), "silu", {}),
        (nn.Softplus(), "softplus", {}),
        (nn.GELU(), "gelu", {}),
        (nn.ReLU6(), "clipped_linear", {"start": 0.0, "stop": 6.0, "low": 0.0, "high": 6.0}),
        (nn.Hardtanh(-2, 3), "clipped_linear", {"start": -2, "stop": 3, "low": -2, "high": 3}),
        (nn.Hardsigmoid(), "clipped_linear", {"start": -3, "stop": 3, "low": 0, "high": 1}),
        (nn.Identity(), "linear", {}),
        (nn.Dropout(p=0.0), "linear", {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_activations_are_recognised(module, name, parameters):
    # Reading tries the forward too: σ of this package is that of PyTorch at random points.
    activation = mf.neuron_from_torch(plain(activation=module)).activation
    assert (activation.name, activation.parameters) == (name, parameters)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet", "model must be a torch.nn.Module, got str"),
        (nn.Linear(3, 4), r"has 1 Linear layer: Linear\(3, 4\)"),
        (
            nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)),
            "BatchNorm1d divides by a scale that the batch or the other neurons set",
        ),
        (
            nn.Sequential(nn.Linear(2, 3, device="meta"), nn.Tanh(), nn.Linear(3, 1, bias=False)),
            "device meta, where weights have no values",
        ),
        (nn.Tanh(), "has 0 Linear layers: Tanh"),
        (
            nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)),
            r"has 3 Linear layers: Linear\(2, 3\), ReLU, Linear\(3, 3\), ReLU, Linear\(3, 1\)",
        ),
        (plain(activation=nn.PReLU()), r"further parameters: 1\.weight"),
        (plain(activation=nn.Dropout(0.5)), r"Dropout\(p=0\.5\) makes the network random"),
        (plain(activation=nn.Softplus(beta=2)), r"Softplus\(beta=2, threshold=20\)"),
        (plain(activation=nn.GELU(approximate="tanh")), "which is exact"),
        (plain(activation=nn.ELU()), r"activation ELU is not known; known are ReLU"),
        (plain(activation=nn.Sequential(nn.Tanh(), nn.ReLU())), "the model has Tanh, ReLU"),
        (
            nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten()),
            "bias that is not zero",
        ),
        (
            nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(5, 4, bias=False)),
            "first gives 2 neurons and the second takes 5",
        ),
        (
            nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 1, bias=False), nn.Tanh()),
            "check the order of its layers",
        ),
        (
            nn.Sequential(nn.Unflatten(1, (5, 5)), nn.Linear(2, 5), nn.Linear(5, 1, bias=False)),
            r"does not turn inputs of shape \(4, 2\) into one tensor",
        ),
        (
            nn.Sequential(nn.LazyLinear(5), nn.Tanh(), nn.Linear(5, 1, bias=False)),
            "call it on one batch of inputs first",
        ),
    ],
    ids=str,
)
def test_other_models_are_refused_with_what_was_found(model, message):
    with pytest.raises(mf.InvalidInputError, match=message):
        mf.measure_from_torch(model)


def test_weights_that_are_not_finite_are_refused():
    model = plain()
    nn.init.constant_(model[0].weight, torch.inf)
    with pytest.raises(mf.InvalidInputError, match="weights of the model are not all finite"):
        mf.measure_from_torch(model)


def test_without_pytorch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(mf.InvalidInputError, match=r'pip install "meanfield-flow\[torch\]"'):
        mf.measure_from_torch(None)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(torch.float64, "float64"), (torch.float32, "float32"), (torch.bfloat16, "float32")],
)
def test_precision_is_kept_and_weights_are_copied(dtype, kept):
    model = plain(dtype=dtype)
    measure = mf.measure_from_torch(model)
    before = measure.positions.copy()
    with torch.no_grad():
        model[0].weight.zero_()
        model[2].weight.zero_()  # a network that is zero has every factor
    assert measure.positions.dtype == kept and np.array_equal(measure.positions, before)
    assert not mf.measure_from_torch(model).positions[:, :2].any()


@given(
    width=st.integers(1, 9), inputs=st.integers(1, 3), outputs=st.integers(1, 3),
    bias=st.booleans(), factor=st.sampled_from([1.0, 1e-3, -0.7]),
    scale=st.sampled_from([1.0, 3.0]),
)  # fmt: skip
def test_what_is_written_is_read_back(width, inputs, outputs, bias, factor, scale):
    model = plain(inputs, outputs, width, bias=bias)
    start = mf.ParticleMeasure.gaussian(width, inputs + outputs + bias, seed=width)
    settings = {"output_factor": factor, "scale": scale}
    mf.load_into_torch(start, model, **settings)
    found = mf.measure_from_torch(model, **settings)
    # One division and one multiplication: two rounding errors.
    assert np.allclose(found.positions, start.positions, rtol=4.5e-16, atol=0.0)


def test_fixed_outer_weights_are_left_out():
    model = plain(bias=False)
    start = mf.ParticleMeasure.gaussian(WIDTH, 1, seed=0)
    mf.load_into_torch(start, model, outer="fixed")
    assert mf.neuron_from_torch(model, outer="fixed").parameter_names == ("w_0",)
    assert mf.measure_from_torch(model, outer="fixed") == start
    with pytest.raises(mf.InvalidInputError, match=r"that are 1, got 0\.5; take"):
        mf.measure_from_torch(model, outer="fixed", output_factor=0.5)


@pytest.mark.parametrize(("particles", "dim"), [(WIDTH + 1, 3), (WIDTH, 2)])
def test_measures_of_another_form_are_not_written(particles, dim):
    measure = mf.ParticleMeasure.gaussian(particles, dim, seed=0)
    with pytest.raises(mf.InvalidInputError, match=r"24 neurons of equal mass with 3 parameters"):
        mf.load_into_torch(measure, plain())


# -- training is the flow --------------------------------------------------------------------


def mean_squares(outputs):
    """MSELoss, which is 2/k times the mean of ½|f − y|²."""
    return nn.MSELoss(), 2.0 / outputs


def half_squares(outputs):
    """The loss of this package."""
    return lambda f, y: 0.5 * (f - y).square().sum(1).mean(), 1.0


@pytest.mark.parametrize(
    ("loss", "factor", "outputs", "settings", "momentum"),
    [
        (half_squares, 1.0, 1, {}, 0.0),
        (half_squares, 1.0 / WIDTH, 1, {"ridge": {"outer": 0.3, "inner": 0.1}}, 0.9),
        (mean_squares, WIDTH**-0.5, 2, {"ridge": 0.2, "scale": 3.0}, 0.5),
    ],
    ids=["plain", "mean, ridge, momentum", "root, MSELoss, scale"],
)
def test_training_with_the_groups_makes_the_steps_of_sgd(loss, factor, outputs, settings, momentum):
    model, dataset = plain(outputs=outputs), data(outputs)
    problem = mf.Problem(mf.neuron_from_torch(model), dataset, **settings)
    start = mf.ParticleMeasure.gaussian(WIDTH, problem.neuron.dim, seed=0)
    mf.load_into_torch(start, model, output_factor=factor, scale=problem.scale)
    function, loss_factor = loss(outputs)
    groups = mf.mean_field_parameter_groups(
        model, problem, 0.05, output_factor=factor, loss_factor=loss_factor
    )
    x, y = tensors(dataset)
    with mf.TorchRecorder(model, problem, [0.0, 1.0, 2.0], output_factor=factor) as recorder:
        train(
            model,
            torch.optim.SGD(groups, momentum=momentum),
            lambda: function(factor * model(x), y),
            steps=40,
            after=lambda k: recorder(0.05 * k),
        )
    solver = SGD(0.05, batch_size=len(dataset), replacement=False, momentum=momentum)
    run = mf.simulate(problem, start, solver, t_end=2.0, save_at=[0.0, 1.0, 2.0])
    found = recorder.trajectory
    for torch_measure, measure in zip(found.measures, run.measures, strict=True):
        # 40 steps of rounding errors of 1e-16 each, magnified by the flow tenfold at most.
        assert np.abs(torch_measure.positions - measure.positions).max() < 1e-12
    assert np.allclose(found.risk, run.risk, rtol=1e-12) and run.risk[-1] < 0.9 * run.risk[0]
    assert np.array_equal(found.times, run.times) and found.status == "complete"


def test_a_fixed_second_layer_trains_as_neurons_with_a_fixed_outer_weight():
    model, dataset = plain(), data()
    problem = mf.Problem(mf.Neuron(1, outer="fixed"), dataset)
    start = mf.ParticleMeasure.gaussian(WIDTH, 2, seed=0)
    mf.load_into_torch(start, model, outer="fixed")
    with pytest.raises(mf.InvalidInputError, match="a second Linear layer that is frozen"):
        mf.mean_field_parameter_groups(model, problem, 0.1)
    model[2].weight.requires_grad_(False)
    x, y = tensors(dataset)
    loss, _ = half_squares(1)
    groups = mf.mean_field_parameter_groups(model, problem, 0.1)
    train(model, torch.optim.SGD(groups), lambda: loss(model(x), y), steps=10)
    run = mf.simulate(
        problem, start, SGD(0.1, batch_size=7, replacement=False), t_end=1.0, save_at=[0.0, 1.0]
    )
    found = mf.measure_from_torch(model, outer="fixed").positions
    assert np.abs(found - run.measures[-1].positions).max() < 1e-12


def test_what_the_flow_has_not_is_refused():
    problem = mf.Problem(mf.Neuron(1), data())
    biased = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))
    nn.init.zeros_(biased[2].bias)
    assert len(mf.measure_from_torch(biased)) == 5
    with pytest.raises(mf.InvalidInputError, match="bias of the second Linear layer would be"):
        mf.TorchRecorder(biased, problem, [0.0, 1.0])
    biased[2].bias.requires_grad_(False)
    assert len(mf.mean_field_parameter_groups(biased, problem, 0.1)) == 2
    with pytest.raises(mf.InvalidInputError, match="must have the same neuron"):
        mf.TorchRecorder(plain(inputs=2), problem, [0.0, 1.0])
    with pytest.raises(mf.InvalidInputError, match="activation of the model is relu, not tanh"):
        mf.TorchRecorder(plain(activation=nn.ReLU()), problem, [0.0, 1.0])
    noisy = mf.Problem(mf.Neuron(1), data(), temperature=0.1)
    with pytest.raises(mf.InvalidInputError, match=r"torch.optim.SGD has no noise"):
        mf.mean_field_parameter_groups(plain(), noisy, 0.1)
    frozen = plain()
    frozen[0].bias.requires_grad_(False)
    with pytest.raises(mf.InvalidInputError, match="first Linear layer is frozen"):
        mf.mean_field_parameter_groups(frozen, problem, 0.1)


# -- training is a run -----------------------------------------------------------------------


def test_a_recorded_training_is_coupled_with_its_limit(tmp_path):
    model, dataset = plain(), data()
    problem = mf.Problem(mf.Neuron(1), dataset)
    law = mf.Gaussian(3)
    start = law.sample(WIDTH, seed=0)
    mf.load_into_torch(start, model)
    x, y = tensors(dataset)
    loss, _ = half_squares(1)
    times = np.linspace(0.0, 1.0, 5)
    optimizer = torch.optim.SGD(mf.mean_field_parameter_groups(model, problem, 0.05))
    with mf.TorchRecorder(model, problem, times, store=tmp_path / "run.h5") as recorder:
        train(model, optimizer, lambda: loss(model(x), y), 20, lambda k: recorder(0.05 * k))
    run = mf.open(tmp_path / "run.h5")
    assert run.solver.framework == "PyTorch" and "recorded (framework PyTorch)" in str(
        run.describe()
    )

    steps = SGD(0.05, batch_size=7, replacement=False)
    same = mf.simulate(problem, start, steps, t_end=1.0, save_at=times)
    limit = mf.simulate(problem, law.sample(512, 0, "sobol"), ParticleFlow(), t_end=1.0)
    field = mf.MeanField(limit)
    expected = coupling_distance(field, same)
    # Frames agree to 1e-12 and times are equal; D is the difference of numbers of order 1.
    assert np.allclose(coupling_distance(field, run), expected, rtol=0.0, atol=1e-11)
    found = mf.compare_with_limit(run, law, particles=512)
    # The same limit, recorded at other times too: a cubic between frames 0.01 apart.
    assert np.allclose(found.coupling, expected, rtol=0.0, atol=1e-6)
    assert 0.0 < found.coupling[-1] < 0.5 and found.times.tolist() == times.tolist()


def test_a_network_that_diverges_leaves_its_frames():
    model = plain()
    problem = mf.Problem(mf.Neuron(1), data())
    recorder = mf.TorchRecorder(model, problem, [0.0, 1.0])
    recorder(0.0)
    with torch.no_grad():
        model[0].weight[3] = torch.nan
    with pytest.raises(mf.DivergenceError, match=r"finite numbers before t = 1; try"):
        recorder(1.0)
    run = recorder.trajectory
    assert run.status == "failed" and len(run) == 1 and "finite numbers" in run.reason
