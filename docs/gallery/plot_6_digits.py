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
# For each digit the four neurons that speak for it most, before and after training: red
# pixels excite a neuron, blue ones silence it.

first, last = (run.measures[i].positions for i in (0, -1))
figure, axes = plt.subplots(9, 10, figsize=(10, 8.6), height_ratios=[1, 1, 1, 1, 0.25, 1, 1, 1, 1])
for digit in range(10):
    strength = last[:, digit] * np.linalg.norm(last[:, 10:74], axis=1)
    chosen = np.argsort(strength)[::-1][:4]
    for rows, positions in ((range(4), first), (range(5, 9), last)):
        for row, index in zip(rows, chosen):
            image = positions[index, 10:74].reshape(8, 8)
            bound = np.abs(image).max()
            axes[row, digit].imshow(image, cmap="RdBu_r", vmin=-bound, vmax=bound)
    axes[0, digit].set_title(f"{digit}", loc="center")
for ax in axes.flat:
    ax.axis("off")
figure.supylabel("after training                              before training")
plt.show()
