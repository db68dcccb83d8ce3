"""Imported where processes are forked from: their kernels are compiled, no file was made."""

import crash_cases
from meanfield.simulate import simulate

for case in crash_cases.CASES.values():
    problem, start, solver = case()
    simulate(problem, start, solver, t_end=0.1, save_at=[0.0, 0.1])
