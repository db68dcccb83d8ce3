"""What to run: named experiments with a source, parameters and defaults."""

from meanfield.scenarios.digits import Digits
from meanfield.scenarios.gibbs_1d import Gibbs1D
from meanfield.scenarios.relu_1d import Relu1D
from meanfield.scenarios.scenario import Scenario
from meanfield.scenarios.teacher_student import TeacherStudent
from meanfield.scenarios.two_gaussians import TwoGaussians
from meanfield.scenarios.two_gaussians_radial import TwoGaussiansRadial

__all__ = [
    "Digits",
    "Gibbs1D",
    "Relu1D",
    "Scenario",
    "TeacherStudent",
    "TwoGaussians",
    "TwoGaussiansRadial",
]
