"""Constants of width and step against exact laws, differences of the flow, and sampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import meanfield as mf
from meanfield.activations import custom
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.solvers import SGD, ParticleFlow
from oracles import LinearNeuron, QuadraticNeuron, line_data, quadratic_data

TIMES = np.array([0.0, 0.5, 2.0])
LINEAR = LinearNeuron(line_data())
QUADRATIC = QuadraticNeuron(quadratic_data())
# Of the automatic step: Simpson's rule is wrong by 5e-5 for what decays fastest, less later.
AUTOMATIC = 5e-5


def normal_nodes(nodes, dim=1, rule="gauss-hermite", **law):
    return mf.quadrature(mf.Gaussian(dim, **law), rule, nodes)


# -- linear neurons: all move alike --------------------------------------------------------------


def test_linear_neurons_have_the_exact_constants():
    inputs = np.array([[0.5], [-2.0]])
    found = mf.fluctuations(LINEAR.problem, normal_nodes(4, std=1.5), TIMES, inputs=inputs)
    exact = np.array([LINEAR.width_constants(1.5**2, t) for t in TIMES])
    np.testing.assert_allclose(found.function_constant, exact[:, 0], rtol=AUTOMATIC)
    np.testing.assert_allclose(found.coupling_constant, exact[:, 1], rtol=AUTOMATIC)
    decay = 1.5**2 * np.exp(-2.0 * LINEAR.curvature * TIMES[-1])
    for points, field in [(LINEAR.data.inputs, found.at_data), (inputs, found.at_inputs)]:
        np.testing.assert_allclose(field.covariance(), decay * points @ points.T, rtol=AUTOMATIC)
        np.testing.assert_allclose(field.bias, 0.0, atol=1e-14)
    # The mean of the risk feels the covariance only.
    np.testing.assert_allclose(found.risk_bias, 0.5 * found.function_constant, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_step_constant_is_the_limit_of_exact_variances(batch_size):
    found = mf.fluctuations(LINEAR.problem, normal_nodes(4, mean=2.0), [1.0, 2.0])
    rates = [
        np.array([LINEAR.sgd_variance(2.0, h, batch_size, round(t / h)) / h for t in (1.0, 2.0)])
        for h in (1 / 256, 1 / 512)
    ]
    # Twice the finer minus the coarser: the error is of order h².
    exact = 2.0 * rates[1] - rates[0]
    assert np.abs(rates[1] - exact).max() > 1e-3 * exact.max()
    np.testing.assert_allclose(found.step_coupling_constant / batch_size, exact, rtol=1e-4)
    np.testing.assert_allclose(
        found.step_constant / batch_size, LINEAR.curvature * exact, rtol=1e-4
    )
    points = LINEAR.data.inputs
    np.testing.assert_allclose(
        found.at_data.step_covariance() / batch_size, exact[-1] * points @ points.T, rtol=1e-4
    )


def test_constants_converge_with_the_fourth_power_of_the_step():
    nodes, t = normal_nodes(4, mean=2.0), 2.0
    steps = np.array([0.2, 0.1, 0.05])
    runs = [mf.fluctuations(LINEAR.problem, nodes, [t], step=h) for h in (*steps, 0.01)]
    exact = LINEAR.width_constants(1.0, t)[0]
    widths = [abs(run.function_constant[0] - exact) for run in runs[:-1]]
    noises = [abs(run.step_constant[0] - runs[-1].step_constant[0]) for run in runs[:-1]]
    for errors in (widths, noises):
        assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(4.0, abs=0.25)


def test_saving_more_often_changes_nothing_but_the_steps():
    nodes = normal_nodes(4, mean=2.0)
    few, many = (
        mf.fluctuations(LINEAR.problem, nodes, times) for times in ([2.0], np.linspace(0, 2, 9))
    )
    for name in ("function_constant", "coupling_constant", "step_constant"):
        assert getattr(few, name)[-1] == pytest.approx(getattr(many, name)[-1], rel=AUTOMATIC)


# -- quadratic neurons: the law at every width is known ------------------------------------------


def test_quadratic_neurons_have_the_exact_constants():
    found = mf.fluctuations(QUADRATIC.problem, normal_nodes(6), TIMES)
    exact = np.array([QUADRATIC.width_constants(t) for t in TIMES])
    squares = QUADRATIC.data.inputs**2
    power = float(QUADRATIC.data.weights @ squares[:, 0] ** 2)
    np.testing.assert_allclose(found.function_constant, power * exact[:, 0], rtol=AUTOMATIC)
    np.testing.assert_allclose(found.coupling_constant, exact[:, 1], rtol=AUTOMATIC)
    bias = exact[:, 2, None] * squares[:, 0]
    np.testing.assert_allclose(found.at_data.bias[:, :, 0], bias, rtol=2 * AUTOMATIC, atol=1e-12)


def test_the_constants_are_the_limits_of_finite_widths():
    t, widths = 0.5, (500, 1000)
    found = mf.fluctuations(QUADRATIC.problem, normal_nodes(6), [t], step=0.02)
    limit = QUADRATIC.second_moment(1.0, t)
    laws = np.array([QUADRATIC.width_law(width, t) for width in widths])
    data = QUADRATIC.data
    squares, goal = data.inputs[:, 0] ** 2, data.targets[:, 0]

    def risk(mean, variance):
        return 0.5 * data.weights @ ((mean * squares - goal) ** 2 + variance * squares**2)

    gaps = [risk(mean, variance) - risk(limit, 0.0) for mean, variance, _ in laws]
    scaled = np.array(widths)[:, None] * np.column_stack([laws[:, 1:], gaps])
    exact = 2.0 * scaled[1] - scaled[0]
    power = float(data.weights @ squares**2)
    predicted = [found.function_constant[0] / power, found.coupling_constant[0], found.risk_bias[0]]
    # What is left of N Var after extrapolation is of order 1/N²: some 10 (1/500)(1/1000).
    np.testing.assert_allclose(predicted, exact, rtol=1e-4)


# -- any problem: one neuron more, by finite differences of the nonlinear flow -------------------


def atoms(problem, rng, count=5):
    positions = rng.standard_normal((count, problem.neuron.dim))
    return mf.ParticleMeasure(positions, rng.dirichlet([4.0] * count))


def problems(name, rng):
    x, weights = rng.standard_normal((6, 2)), rng.dirichlet([4.0] * 6)
    ridge = {"outer": 0.1, "inner": 0.03}
    if name == "squared":
        data = mf.Dataset(x, rng.standard_normal((6, 2)), weights)
        return mf.Problem(mf.Neuron(2, 2), data, ridge=ridge, scale=1.5)
    if name == "cross_entropy":
        data = mf.Dataset(x, rng.integers(0, 2, 6), weights)
        return mf.Problem(mf.Neuron(2, 2), data, "cross_entropy", ridge=ridge)
    data = mf.Dataset(x, np.sign(rng.standard_normal(6)), weights)
    return mf.Problem(mf.Neuron(2, outer="fixed"), data, "logistic", scale=0.8)


INPUTS = np.array([[0.3, -1.0], [2.0, 0.5]])


@pytest.mark.parametrize("name", ["squared", "cross_entropy", "logistic"])
def test_derivatives_are_those_of_flows_with_one_neuron_more(name, rng):
    problem, t = problems(name, rng), 0.8
    start, solver = atoms(problem, rng), ParticleFlow("rk4", step=0.04)
    masses, data_weights = start.weights, problem.data.weights

    def end(weights):
        nodes = mf.ParticleMeasure(start.positions, weights)
        last = mf.simulate(problem, nodes, solver, t_end=t, save_at=[t]).measures[-1]
        parts = (
            last.positions, problem.outputs(last), problem.predict(last, INPUTS),
            np.array([problem.risk(last)]),
        )  # fmt: skip
        return np.concatenate([part.ravel() for part in parts])

    width = 4e-3
    middle, firsts, seconds = end(masses), [], []
    for direction in np.eye(len(masses)) - masses:
        a, b, c, d = (end(masses + s * width * direction) for s in (-2, -1, 1, 2))
        firsts.append((a - 8 * b + 8 * c - d) / (12 * width))
        seconds.append((-a + 16 * b - 30 * middle + 16 * c - d) / (12 * width**2))
    sizes = np.cumsum([start.positions.size, 6 * problem.neuron.outputs, middle.size])[:2]
    sizes = [*sizes, middle.size - 1]
    moved, at_data, at_inputs, _ = np.split(np.array(firsts), sizes, axis=1)
    _, bias, further, risk = np.split(0.5 * masses @ np.array(seconds), sizes)

    found = mf.fluctuations(problem, start, [t], inputs=INPUTS, step=0.04)
    squares = np.square(moved).reshape(len(masses), len(masses), -1).sum(axis=2)
    # Differences of fourth order in 4e-3, and rounding 1e-15/(4e-3)^2 of second derivatives.
    tight, loose = {"rtol": 1e-7, "atol": 1e-9}, {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(found.coupling_constant, masses @ squares @ masses, **tight)
    for field, changes, mean in [
        (found.at_data, at_data, bias), (found.at_inputs, at_inputs, further)
    ]:  # fmt: skip
        np.testing.assert_allclose(field.covariance(), (changes.T * masses) @ changes, **tight)
        np.testing.assert_allclose(field.bias.ravel(), mean, **loose)
    np.testing.assert_allclose(found.risk_bias, risk, **loose)
    trace = np.einsum("tjc,j->t", found.at_data.variance, data_weights)
    np.testing.assert_allclose(found.function_constant, trace, rtol=1e-12)


def test_step_constants_are_those_of_kicks_along_the_way(rng):
    """D = ∫ ds Σ_j p_j |what a kick by the centred gradient of x_j at time s does by time t|²."""
    problem, t, width = problems("squared", rng), 0.8, 1e-4
    start, data = atoms(problem, rng), problem.data

    def carried(positions, span):
        nodes = mf.ParticleMeasure(positions, start.weights)
        solver = ParticleFlow("rk4", step=span / 12)
        return mf.simulate(problem, nodes, solver, t_end=span, save_at=[span]).measures[-1]

    def gradients(nodes):
        """Velocity of the nodes from each datum alone, minus the mean."""
        residuals, neuron = problem.residual(nodes), problem.neuron
        a, w, b = nodes.positions[:, :2], nodes.positions[:, 2:4], nodes.positions[:, 4:]
        value = np.tanh(w @ data.inputs.T + b)
        pulled = (a @ residuals.T) * (1.0 - value**2)
        single = np.empty((len(data), len(nodes), neuron.dim))
        single[:, :, :2] = value.T[:, :, None] * residuals[:, None, :]
        single[:, :, 2:4] = pulled.T[:, :, None] * data.inputs[:, None, :]
        single[:, :, 4] = pulled.T
        return (single - np.tensordot(data.weights, single, 1)) / problem.scale

    outputs, positions = 0.0, 0.0
    points, shares = np.polynomial.legendre.leggauss(6)
    for moment, share in zip(0.5 * t * (1.0 + points), 0.5 * t * shares, strict=True):
        nodes = carried(start.positions, moment)
        for kick, p in zip(gradients(nodes), data.weights, strict=True):
            ends = [carried(nodes.positions + s * width * kick, t - moment) for s in (1, -1)]
            change = (problem.outputs(ends[0]) - problem.outputs(ends[1])) / (2 * width)
            apart = (ends[0].positions - ends[1].positions) / (2 * width)
            outputs += share * p * data.weights @ np.square(change).sum(axis=1)
            positions += share * p * start.weights @ np.square(apart).sum(axis=1)
    found = mf.fluctuations(problem, start, [t], step=0.02)
    # Differences: 1e-8; Gauss's rule with 6 points, and steps of 0.07: 1e-7; Simpson's: 5e-7.
    np.testing.assert_allclose(found.step_constant, outputs, rtol=2e-6)
    np.testing.assert_allclose(found.step_coupling_constant, positions, rtol=2e-6)


# -- networks: independent neurons, and stochastic gradients ------------------------------------


X, Y, P = np.array([-1.2, -0.4, 0.3, 1.1]), np.array([0.8, -0.5, 0.6, 1.0]), np.full(4, 0.25)


def outputs_of(theta, masses):
    a, w, b = np.moveaxis(theta, -1, 0)
    return np.einsum("ri,rij->rj", masses * a, np.tanh(w[..., None] * X + b[..., None]))


def velocities(theta, residuals):
    """Velocities (R, M, 3) for weighted residuals (R, 4), written plainly."""
    a, w, b = np.moveaxis(theta, -1, 0)
    value = np.tanh(w[..., None] * X + b[..., None])
    pulled = a[..., None] * (1.0 - value**2) * residuals[:, None, :]
    parts = [(value * residuals[:, None, :]).sum(2), (pulled * X).sum(2), pulled.sum(2)]
    return -np.stack(parts, axis=-1)


def test_networks_of_independent_neurons_vary_as_predicted(rng):
    """Neurons from a few atoms: a network of N is the atoms with multinomial masses."""
    positions, law = rng.standard_normal((6, 3)), rng.dirichlet([4.0] * 6)
    width, networks, step, steps = 2000, 1500, 0.1, 10
    masses = np.vstack([law, rng.multinomial(width, law, networks) / width])
    theta = np.broadcast_to(positions, (len(masses), 6, 3)).copy()

    def velocity(theta):
        return velocities(theta, P * (outputs_of(theta, masses) - Y))

    for _ in range(steps):
        middle = velocity(theta + 0.5 * step * velocity(theta))
        theta = theta + step * middle
    errors = outputs_of(theta, masses)
    errors = errors[1:] - errors[0]
    distances = (masses[1:] * np.square(theta[1:] - theta[0]).sum(2)).sum(1)
    problem = mf.Problem(mf.Neuron(1), mf.Dataset(X, Y))
    found = mf.fluctuations(problem, mf.ParticleMeasure(positions, law), [step * steps])
    for values, predicted in [
        (width * np.square(errors) @ P, found.function_constant[0]),
        (width * distances, found.coupling_constant[0]),
        (width * errors[:, 0] * errors[:, 2], found.at_data.covariance()[0, 2]),
    ]:
        # Four standard errors; the next order in 1/N and the midpoint rule add less than 1e-2.
        allowed = 4.0 * values.std() / np.sqrt(networks)
        assert allowed < 0.15 * values.std() and abs(values.mean() - predicted) < allowed


def test_width_and_step_add_up_as_predicted(rng):
    positions, law = rng.standard_normal((5, 3)), rng.dirichlet([4.0] * 5)
    width, networks, step, steps, batch = 400, 3000, 0.02, 50, 2
    masses = rng.multinomial(width, law, networks) / width
    theta = np.broadcast_to(positions, (networks, 5, 3)).copy()
    for _ in range(steps):
        drawn = rng.integers(0, 4, (networks, batch))
        chosen = np.stack([(drawn == j).sum(1) for j in range(4)], axis=1) / batch
        theta = theta + step * velocities(theta, chosen * (outputs_of(theta, masses) - Y))
    problem = mf.Problem(mf.Neuron(1), mf.Dataset(X, Y))
    nodes = mf.ParticleMeasure(positions, law)
    found = mf.fluctuations(problem, nodes, [step * steps])
    limit = mf.simulate(
        problem, nodes, ParticleFlow("rk4", step=0.05), t_end=1.0, save_at=[1.0]
    ).measures[-1]
    errors = np.square(outputs_of(theta, masses) - problem.outputs(limit)[:, 0]) @ P
    apart = (masses * np.square(theta - limit.positions).sum(2)).sum(1)
    for values, predicted in [
        (errors, found.function_error(width, step, batch)[0] ** 2),
        (apart, found.coupling_error(width, step, batch)[0] ** 2),
    ]:
        # Four standard errors, and rates of order one times the step.
        allowed = 4.0 * values.std() / np.sqrt(networks) + step * predicted
        assert abs(values.mean() - predicted) < allowed
    part = found.function_constant[0] / width / found.function_error(width, step, batch)[0] ** 2
    assert 0.1 < part < 0.9


def test_epochs_without_replacement_have_no_variance_of_first_order():
    step, epochs = 0.02, 5
    points = len(LINEAR.data)
    t = step * points * epochs
    start = mf.ParticleMeasure([[2.0]])
    ends = [
        mf.simulate(
            LINEAR.problem, start, SGD(step, replacement=False), t_end=t, save_at=[t], seed=seed
        ).measures[-1].positions[0, 0]
        for seed in range(60)
    ]  # fmt: skip
    found = mf.fluctuations(LINEAR.problem, start, [t])
    # At the end of an epoch: the square of its length times the rate, here (0.18 A)² / 12.
    assert np.var(ends) < 0.01 * step * found.step_coupling_constant[0]


# -- nodes -------------------------------------------------------------------------------------


def smooth_problem(**further):
    return mf.Problem(mf.Neuron(1), mf.Dataset(X, Y), **further)


def test_constants_converge_with_the_nodes():
    fine, middle, coarse = (
        mf.fluctuations(smooth_problem(), normal_nodes(m, 3, std=0.5), [1.0])
        for m in (343, 125, 27)
    )
    sobol = mf.fluctuations(smooth_problem(), normal_nodes(512, 3, "sobol", std=0.5), [1.0])
    for name in ("function_constant", "coupling_constant", "step_constant", "risk_bias"):
        best, better, good, other = (getattr(run, name)[0] for run in (fine, middle, coarse, sobol))
        assert abs(better - best) < 0.2 * abs(good - best) < 0.1 * abs(best)
        assert other == pytest.approx(best, rel=0.05)  # an independent rule, of order 1/512


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), nodes=st.integers(1, 6), scale=st.floats(0.5, 2.0))
def test_covariances_are_positive_and_halved_nodes_change_nothing(seed, nodes, scale):
    rng = np.random.default_rng(seed)
    problem = smooth_problem(ridge=0.1, scale=scale)
    start = atoms(problem, rng, nodes)
    split = mf.ParticleMeasure(
        np.repeat(start.positions, 2, axis=0), np.repeat(0.5 * start.weights, 2)
    )
    found, again = (mf.fluctuations(problem, one, [0.4], step=0.01) for one in (start, split))
    for field in (found.at_data.covariance(), found.at_data.step_covariance()):
        size = np.trace(field)
        np.testing.assert_array_equal(field, field.T)
        assert np.linalg.eigvalsh(field).min() >= -1e-13 * max(size, 1.0)
    for constant, field in [
        (found.function_constant, found.at_data.covariance()),
        (found.step_constant, found.at_data.step_covariance()),
    ]:
        assert constant[0] == pytest.approx(P @ np.diag(field), rel=1e-12, abs=1e-14)
    for name in ("function_constant", "coupling_constant", "step_constant", "risk_bias"):
        # Steps as short as these are not chosen by the fastest rate, which is found to a few
        # digits only.
        assert getattr(again, name) == pytest.approx(getattr(found, name), rel=1e-9, abs=1e-12)


def test_one_node_has_no_width():
    found = mf.fluctuations(smooth_problem(), mf.ParticleMeasure([[1.0, 0.5, 0.1]]), [0.0, 1.0])
    assert not found.function_constant.any() and not found.risk_bias.any()
    assert found.step_constant[1] > 0.0


def test_a_network_that_has_learned_its_data_has_no_gradient_noise():
    teacher = mf.ParticleMeasure([[1.0, 0.5, 0.1], [-0.5, 1.0, 0.0]])
    data = mf.Dataset(X, smooth_problem().predict(teacher, X[:, None]))
    found = mf.fluctuations(mf.Problem(mf.Neuron(1), data), teacher, [1.0])
    assert found.step_constant[0] < 1e-25 and found.function_constant[0] > 1e-3


def test_single_precision_nodes_are_taken():
    nodes = normal_nodes(27, 3)
    single = mf.ParticleMeasure(nodes.positions.astype(np.float32), nodes.weights)
    one, other = (mf.fluctuations(smooth_problem(), m, [0.3]) for m in (nodes, single))
    assert one.function_constant == pytest.approx(other.function_constant, rel=1e-6)


def test_the_bias_of_the_huber_loss_is_unknown():
    found = mf.fluctuations(smooth_problem(loss="huber"), normal_nodes(8, 3), [0.3])
    assert np.isnan(found.risk_bias).all() and np.isfinite(found.step_constant).all()


# -- refusals ------------------------------------------------------------------------------------


def refused(message, problem=None, nodes=None, times=(1.0,), **further):
    nodes = normal_nodes(8, 3) if nodes is None else nodes
    with pytest.raises(InvalidInputError, match=message):
        mf.fluctuations(problem or smooth_problem(), nodes, times, **further)


def test_problems_without_a_linear_flow_are_refused():
    refused("temperature is 0.1; set it to 0", smooth_problem(temperature=0.1))
    relu = mf.Problem(mf.Neuron(1, activation="relu"), mf.Dataset(X, Y))
    refused("'relu' has kinks, where the flow cannot be linearised; use a smooth one", relu)
    cubic = custom("cubic-without-curvature", lambda z: z**3, lambda z: 3 * z**2)
    refused("no second derivative", mf.Problem(mf.Neuron(1, activation=cubic), mf.Dataset(X, Y)))
    teacher = mf.ParticleMeasure([[1.0, 1.0]])
    population = mf.PopulationProblem(mf.Neuron(1, activation="erf", bias=False), teacher)
    refused("need a Problem on data, got a population one", population)


def test_wrong_arguments_are_refused(monkeypatch):
    refused("nodes must be a ParticleMeasure, .* got ndarray", nodes=np.zeros((2, 3)))
    refused("the measure has 2 parameters, but the neuron has 3", nodes=normal_nodes(4, 2))
    refused(r"times must be >= 0 and increasing, got \[1.0, 1.0\]", times=[1.0, 1.0])
    refused("times must be >= 0", times=[-1.0])
    refused("step must be a positive finite number", step=0.0)
    refused("inputs must have 1 columns, got 2", inputs=[[1.0, 2.0]])
    monkeypatch.setattr("meanfield.linear_response._MOST_NUMBERS", 1000)
    refused("fluctuations of 8 nodes of 3 parameters would take .* take fewer nodes")


def test_predictions_need_a_width():
    found = mf.fluctuations(smooth_problem(), normal_nodes(8, 3), [0.1])
    assert repr(found.at_data) == "OutputFluctuations(1 times, 4 points, 1 outputs)"
    with pytest.raises(InvalidInputError, match="width must be an integer >= 1, got 0"):
        found.function_error(0)
    with pytest.raises(InvalidInputError, match="batch_size must be an integer >= 1"):
        found.coupling_error(10, 0.1, 0)


SQUARE = mf.Neuron(1, activation="square", outer="fixed", bias=False)


@pytest.mark.parametrize("points", [1, 2])
def test_a_flow_out_of_the_finite_numbers_is_reported(points):
    problem = mf.Problem(SQUARE, mf.Dataset(np.ones((points, 1)), np.ones(points)))
    with pytest.raises(DivergenceError, match="linearised flow left the finite numbers"):
        mf.fluctuations(problem, mf.ParticleMeasure([[1e200], [2.0], [3.0]]), [1.0])


def test_a_stiff_flow_is_refused():
    problem = mf.Problem(SQUARE, mf.Dataset([[100.0]], [1.0]))
    refused("asks for [0-9]+ steps to t = 200", problem, mf.ParticleMeasure([[1.0]]), [200.0])
