"""Exact solutions: each with its formula, its source, and where it holds.

Notation: A = Σ_j p_j x_j², B = Σ_j p_j x_j y_j for data on the line; squared loss ½ |f − y|².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import sqrtm
from scipy.optimize import brentq
from scipy.special import gamma, hyp1f1
from scipy.stats import chi2, norm

from meanfield.datasets import Dataset
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.typing import Float64Array


def line_data(points: int = 9, seed: int = 3) -> Dataset:
    """Noisy data on the line with unequal weights."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1.0, 1.5, points)
    weights = rng.random(points) + 0.5
    return Dataset(x, 0.7 * x + 0.3 * rng.standard_normal(points), weights / weights.sum())


@dataclass(frozen=True)
class LinearNeuron:
    """Φ = w x: all particles shift by m_t − m_0, m_t = m* + (m_0 − m*) e^{−At}, m* = B/A.

    Exact for every number of particles, with m_0 the mean of the measure itself.
    """

    data: Dataset

    @property
    def problem(self) -> Problem:
        return Problem(Neuron(1, activation="linear", outer="fixed", bias=False), self.data)

    @property
    def curvature(self) -> float:
        return float(self.data.weights @ self.data.inputs[:, 0] ** 2)

    @property
    def limit(self) -> float:
        return float(
            self.data.weights @ (self.data.inputs[:, 0] * self.data.targets[:, 0]) / self.curvature
        )

    def mean(self, mean_0: float, t: float) -> float:
        return self.limit + (mean_0 - self.limit) * np.exp(-self.curvature * t)

    def positions(self, start: Float64Array, weights: Float64Array, t: float) -> Float64Array:
        mean_0 = float(weights @ start[:, 0])
        return start + self.mean(mean_0, t) - mean_0

    def width_constants(self, variance: float, t: float) -> tuple[float, float]:
        """C and K: outputs of N neurons vary as (m_0^N − m_0) x e^{−At}, the mean of iid ones."""
        decay = float(np.exp(-self.curvature * t))
        return variance * self.curvature * decay**2, variance * (1.0 - decay) ** 2

    def sgd_variance(self, mean_0: float, step: float, batch_size: int, steps: int) -> float:
        """Variance of the mean after SGD steps m ← (1 − ε ā) m + ε b̄, of batch means of x², xy."""
        x, y, p = self.data.inputs[:, 0], self.data.targets[:, 0], self.data.weights
        both = np.stack([x**2, x * y])
        (a, b), spread = both @ p, (both - (both @ p)[:, None]) * p
        (aa, ab), (_, bb) = spread @ (both - (both @ p)[:, None]).T / batch_size
        mean, square = mean_0, mean_0**2
        for _ in range(steps):
            square = (
                ((1.0 - step * a) ** 2 + step**2 * aa) * square
                + 2.0 * step * ((1.0 - step * a) * b - step * ab) * mean
                + step**2 * (b**2 + bb)
            )
            mean = (1.0 - step * a) * mean + step * b
        return float(square - mean**2)


@dataclass(frozen=True)
class NoisyLinearNeuron:
    """Φ = w x with ridge λ and noise τ, by the Euler–Maruyama steps of networks.

    With κ = A + λ, the mean of N neurons is m* + e, e ← (1 − κs) e + √(2τs/N) ξ, and
    that of the same neurons in the mean field, started from the same e_0 and with the same ξ,
    is m* + ē, ē ← (1 − λs) ē + √(2τs/N) ξ: every neuron is off by X_i − X̄_i = e − ē.
    """

    data: Dataset
    ridge: float
    temperature: float

    @property
    def problem(self) -> Problem:
        neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
        return Problem(neuron, self.data, ridge=self.ridge, temperature=self.temperature)

    @property
    def limit(self) -> float:
        line = LinearNeuron(self.data)
        return line.limit * line.curvature / (line.curvature + self.ridge)

    def width_constants(self, variance: float, step: float, steps: int) -> tuple[float, float]:
        """N E Σ p (f_N − f)² and N E D_N², from neurons of this variance around m*."""
        curvature = LinearNeuron(self.data).curvature
        slow = 1.0 - step * self.ridge
        fast = slow - step * curvature
        past = np.arange(steps)
        noise = 2.0 * self.temperature * step
        function = variance * fast ** (2 * steps) + noise * (fast ** (2 * past)).sum()
        coupling = variance * (fast**steps - slow**steps) ** 2
        coupling += noise * ((fast**past - slow**past) ** 2).sum()
        return float(curvature * function), float(coupling)


@dataclass(frozen=True)
class QuadraticNeuron:
    """Φ = w² x²: S_t = S* / (1 + (S*/S_0 − 1) e^{−4 B₂ t}), w_t = w_0 √(S_t/S_0).

    S is the second moment of the measure, B₂ = Σ p x² y, S* = B₂ / Σ p x⁴; exact for
    every number of particles, for B₂ > 0.
    """

    data: Dataset

    @property
    def problem(self) -> Problem:
        return Problem(Neuron(1, activation="square", outer="fixed", bias=False), self.data)

    @property
    def drive(self) -> float:
        return float(self.data.weights @ (self.data.inputs[:, 0] ** 2 * self.data.targets[:, 0]))

    @property
    def limit(self) -> float:
        return self.drive / float(self.data.weights @ self.data.inputs[:, 0] ** 4)

    def second_moment(self, second_moment_0: float, t: float) -> float:
        decay = np.exp(-4.0 * self.drive * t)
        return self.limit / (1.0 + (self.limit / second_moment_0 - 1.0) * decay)

    def positions(self, start: Float64Array, weights: Float64Array, t: float) -> Float64Array:
        moment = float(weights @ start[:, 0] ** 2)
        return np.asarray(start * np.sqrt(self.second_moment(moment, t) / moment))

    def width_law(self, width: int, t: float) -> tuple[float, float, float]:
        """Mean and variance of S_t and E D_N² of N neurons from N(0, 1): S_0 is χ²_N/N.

        The trapezoidal rule in S_0, of a smooth density that vanishes at the ends.
        """
        moments = 1.0 + np.sqrt(2.0 / width) * np.linspace(-12.0, 16.0, 8001)
        moments = moments[moments > 0.0]
        weights = chi2.pdf(width * moments, width)
        weights /= weights.sum()
        ends = np.array([self.second_moment(moment, t) for moment in moments])
        mean = weights @ ends
        apart = np.sqrt(ends / moments) - np.sqrt(self.second_moment(1.0, t))
        return (
            float(mean),
            float(weights @ (ends - mean) ** 2),
            float(weights @ (moments * apart**2)),
        )

    def width_constants(self, t: float) -> tuple[float, float, float]:
        """N Var S_t, N E D_N² and N E(S_t − limit) of iid N(0, 1) neurons, for N → ∞.

        S_t = S* S_0/d with d = S_0 (1 − e) + S* e, e = e^{−4 B₂ t}, and N Var S_0 = 2.
        """
        e, best = float(np.exp(-4.0 * self.drive * t)), self.limit
        d = 1.0 - e + best * e
        slope, bend = best**2 * e / d**2, -2.0 * (1.0 - e) * best**2 * e / d**3
        stretch = -0.5 * (1.0 - e) * np.sqrt(best) * d**-1.5
        return 2.0 * slope**2, float(2.0 * stretch**2), bend


@dataclass(frozen=True)
class ProductNeuron:
    """Φ = a w x: a ± w = e^{∓ρ} (a_0 ± w_0), ρ' = A (P_0 e^{−2ρ} − Q_0 e^{2ρ})/4 − B.

    P_0 = ⟨(a + w)²⟩, Q_0 = ⟨(a − w)²⟩ at time 0; a² − w² of each particle is conserved.
    """

    data: Dataset

    @property
    def problem(self) -> Problem:
        return Problem(Neuron(1, activation="linear", bias=False), self.data)

    def positions(self, start: Float64Array, weights: Float64Array, t: float) -> Float64Array:
        x, y = self.data.inputs[:, 0], self.data.targets[:, 0]
        curvature = float(self.data.weights @ x**2)
        drive = float(self.data.weights @ (x * y))
        plus, minus = start[:, 0] + start[:, 1], start[:, 0] - start[:, 1]
        p_0, q_0 = float(weights @ plus**2), float(weights @ minus**2)

        def slope(_: float, rho: Float64Array) -> Float64Array:
            return curvature * (p_0 * np.exp(-2 * rho) - q_0 * np.exp(2 * rho)) / 4 - drive

        rho = solve_ivp(slope, (0.0, t), [0.0], rtol=1e-13, atol=1e-14, method="DOP853").y[0, -1]
        plus, minus = np.exp(-rho) * plus, np.exp(rho) * minus
        return np.stack([(plus + minus) / 2, (plus - minus) / 2], axis=1)


@dataclass(frozen=True)
class NoisyQuadraticNeuron:
    """Φ = (w·x)² with ridge λ and noise: Gaussian laws stay Gaussian.

    The mean and the second moments S obey m' = −G m, S' = −G S − S G + 2τ I with
    G = 2 Σ_j p_j (x_jᵀ S x_j − y_j) x_j x_jᵀ + λ I, whatever the law.
    """

    data: Dataset
    ridge: float
    temperature: float

    @property
    def problem(self) -> Problem:
        neuron = Neuron(self.data.inputs.shape[1], activation="square", outer="fixed", bias=False)
        return Problem(neuron, self.data, ridge=self.ridge, temperature=self.temperature)

    def moments(
        self, mean: Float64Array, covariance: Float64Array, t: float
    ) -> tuple[Float64Array, Float64Array]:
        """Mean (d,) and covariance (d, d) at time t."""
        x, y, p = self.data.inputs, self.data.targets[:, 0], self.data.weights
        d = x.shape[1]

        def slope(_: float, state: Float64Array) -> Float64Array:
            m, second = state[:d], state[d:].reshape(d, d)
            residual = np.einsum("ja,ab,jb->j", x, second, x) - y
            g = 2.0 * (x.T * (p * residual)) @ x + self.ridge * np.eye(d)
            change = -g @ second - second @ g + 2.0 * self.temperature * np.eye(d)
            return np.concatenate([-g @ m, change.ravel()])

        start = np.concatenate([mean, (covariance + np.outer(mean, mean)).ravel()])
        end = solve_ivp(slope, (0.0, t), start, rtol=1e-12, atol=1e-13, method="DOP853").y[:, -1]
        return end[:d], end[d:].reshape(d, d) - np.outer(end[:d], end[:d])


@dataclass(frozen=True)
class ReactingQuadraticNeuron:
    """Φ = w² x² with ridge λ, noise τ, transport α and birth–death β: Gaussian laws stay so.

    m' = −(α + βs) κ m, s' = −2ακs + 2ατ − βκs² + βτs for mean m and variance s, with
    κ = 2 Σ_j p_j (x_j² (m² + s) − y_j) x_j² + λ (Ψ = κ w²/2 up to a constant).
    """

    data: Dataset
    ridge: float
    temperature: float
    transport: float = 1.0
    reaction: float = 1.0

    @property
    def problem(self) -> Problem:
        neuron = Neuron(1, activation="square", outer="fixed", bias=False)
        return Problem(neuron, self.data, ridge=self.ridge, temperature=self.temperature)

    def moments(self, mean: float, variance: float, t: float) -> tuple[float, float]:
        """Mean and variance at time t."""
        squares, y = self.data.inputs[:, 0] ** 2, self.data.targets[:, 0]
        alpha, beta, tau = self.transport, self.reaction, self.temperature

        def slope(_: float, state: Float64Array) -> Float64Array:
            m, s = state
            residual = squares * (m**2 + s) - y
            kappa = 2.0 * float(self.data.weights @ (residual * squares)) + self.ridge
            return np.array(
                [
                    -(alpha + beta * s) * kappa * m,
                    2.0 * alpha * (tau - kappa * s) + beta * s * (tau - kappa * s),
                ]
            )

        end = solve_ivp(slope, (0.0, t), [mean, variance], rtol=1e-12, atol=1e-13, method="DOP853")
        return float(end.y[0, -1]), float(end.y[1, -1])


def quadratic_data(points: int = 9) -> Dataset:
    """Data for which the drive B₂ of `QuadraticNeuron` is positive."""
    x = np.linspace(0.2, 1.4, points)
    return Dataset(x, 1.0 + 0.5 * np.sin(5.0 * x))


@dataclass(frozen=True)
class ScalarGibbs:
    """One datum and Φ = tanh(θ): μ* ∝ exp(−((m − y) tanh θ + λθ²/2)/τ), m = ∫ tanh dμ*.

    One increasing equation for m; integrals by the trapezoidal rule, which converges faster
    than any power of the spacing for analytic functions that decay.
    """

    target: float
    ridge: float
    temperature: float

    @property
    def problem(self) -> Problem:
        neuron = Neuron(1, activation="tanh", outer="fixed", bias=False)
        data = Dataset([[1.0]], [self.target])
        return Problem(neuron, data, ridge=self.ridge, temperature=self.temperature)

    def solve(self) -> tuple[float, float, float, float]:
        """m, ∫ θ dμ*, ∫ θ² dμ* and F(μ*)."""
        spread = np.sqrt(self.temperature / self.ridge)
        x = np.linspace(-12.0 * spread - 5.0, 12.0 * spread + 5.0, 4001)
        h = x[1] - x[0]

        def masses(m: float) -> tuple[Float64Array, float]:
            potential = (m - self.target) * np.tanh(x) + 0.5 * self.ridge * x**2
            weights = np.exp(-(potential - potential.min()) / self.temperature)
            log_partition = np.log(h * weights.sum()) - potential.min() / self.temperature
            return weights / weights.sum(), float(log_partition)

        m = brentq(lambda m: m - masses(m)[0] @ np.tanh(x), -1.0, 1.0, xtol=1e-15)
        law, log_partition = masses(m)
        mean_potential = (m - self.target) * m + 0.5 * self.ridge * (law @ x**2)
        entropy = -mean_potential / self.temperature - log_partition
        energy = 0.5 * (m - self.target) ** 2 + 0.5 * self.ridge * (law @ x**2)
        return m, law @ x, law @ x**2, energy + self.temperature * entropy


@dataclass(frozen=True)
class TwoGaussians:
    """N(0, A) and N(m, B): distances in closed form.

    W₂² = |m|² + tr(A + B − 2 (A^½ B A^½)^½) (Dowson, Landau 1982). The mean of
    k_h(X, Y) = exp(−|X − Y|²/2h²) is h^d det(S)^{−½} exp(−½ mᵀ S^{−1} m), S = h² I + A + B.
    For S = s² I, E|X − Y| is s √2 Γ((d+1)/2)/Γ(d/2) ₁F₁(−½; d/2; −|m|²/2s²).
    """

    mean: Float64Array
    first: Float64Array
    second: Float64Array

    def sample(self, particles: int, seed: int) -> tuple[Float64Array, Float64Array]:
        rng = np.random.default_rng(seed)
        zero = np.zeros(len(self.mean))
        return (
            rng.multivariate_normal(zero, self.first, particles, method="cholesky"),
            rng.multivariate_normal(self.mean, self.second, particles, method="cholesky"),
        )

    @property
    def wasserstein(self) -> float:
        root = np.real(sqrtm(self.first))
        cross = np.real(sqrtm(root @ self.second @ root))
        bures = np.trace(self.first + self.second - 2.0 * cross)
        return float(np.sqrt(self.mean @ self.mean + bures))

    def squared_discrepancy(self, h: float) -> float:
        def mean_kernel(m: Float64Array, covariance: Float64Array) -> float:
            s = h**2 * np.eye(len(m)) + covariance
            return float(
                h ** len(m) * np.exp(-0.5 * m @ np.linalg.solve(s, m)) / np.sqrt(np.linalg.det(s))
            )

        zero = np.zeros_like(self.mean)
        own = mean_kernel(zero, 2.0 * self.first) + mean_kernel(zero, 2.0 * self.second)
        return own - 2.0 * mean_kernel(self.mean, self.first + self.second)

    @property
    def squared_energy(self) -> float:
        def mean_distance(m: Float64Array, variance: float) -> float:
            d = len(m)
            scale = np.sqrt(2.0 * variance) * gamma((d + 1) / 2) / gamma(d / 2)
            return float(scale * hyp1f1(-0.5, d / 2, -(m @ m) / (2.0 * variance)))

        a, b, zero = self.first[0, 0], self.second[0, 0], np.zeros_like(self.mean)
        own = mean_distance(zero, 2.0 * a) + mean_distance(zero, 2.0 * b)
        return 2.0 * mean_distance(self.mean, a + b) - own


def wasserstein_to_normal(points: Float64Array) -> float:
    """W₂ of N equal atoms on the line to N(0, 1), whose quantile function is q.

    Σ_i ∫ (x_i − q(u))² du over u in ((i−1)/N, i/N), with ∫ q = φ(q_{i−1}) − φ(q_i).
    """
    x = np.sort(points)
    heights = norm.pdf(norm.ppf(np.arange(len(x) + 1) / len(x)))
    return float(np.sqrt(np.mean(x**2) + 1.0 + 2.0 * x @ np.diff(heights)))
