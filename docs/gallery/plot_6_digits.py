"""
Digits: neurons specialise
==========================

A thousand images of handwritten digits, 8 × 8 pixels, and 300 neurons with ten outer weights
each. At the start inner weights are noise. At the end they are strokes, and each neuron
speaks for some digits and against others.
"""

import matplotlib.pyplot as plt
import numpy as np

from meanfield.scenarios import Digits

plt.style.use("meanfield.plotting.meanfield")

run = Digits(particles=300, t_end=60.0, frames=3).build().run()
print(f"test images right: {run.observables['test_accuracy'][-1]:.1%}")

# %%
# For each digit, the three neurons that speak for it most in the end, before and after training.
# Red pixels excite a neuron, blue ones silence it.

first, last = (run.measures[i].positions for i in (0, -1))
figure, axes = plt.subplots(7, 10, figsize=(10, 6.8), layout="constrained")
for digit in range(10):
    strength = last[:, digit] * np.linalg.norm(last[:, 10:74], axis=1)
    for row, index in enumerate(np.argsort(strength)[::-1][:3]):
        for place, positions in ((row, first), (row + 4, last)):
            image = positions[index, 10:74].reshape(8, 8)
            bound = np.abs(image).max()
            axes[place, digit].imshow(image, cmap="RdBu_r", vmin=-bound, vmax=bound)
    axes[3, digit].text(0.5, 0.5, digit, size=14, ha="center", va="center")
for ax in axes.flat:
    ax.axis("off")
figure.supylabel("after training               before training")
plt.show()
