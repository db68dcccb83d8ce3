"""Small real data sets that scenarios use; README.md says where each comes from."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from meanfield.errors import FileError
from meanfield.typing import IntArray

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["CHECKSUMS", "load_digits", "read_verified"]

#: SHA-256 of the files, as listed in README.md.
CHECKSUMS = {"digits.npz": "3dbc42fdfe921a27e457be9e65170181610dae6cdb86bcc676e6851bc17bdd12"}


def load_digits() -> tuple[IntArray, IntArray]:
    """Handwritten digits of Alpaydin and Kaynak (1998).

    Returns
    -------
    inputs : (1797, 64) array of int
        Images of 8 × 8 pixels row by row, each from 0 (empty) to 16.
    labels : (1797,) array of int
        The digits 0 to 9.

    Raises
    ------
    FileError
        If the file is missing or is not the one that was shipped.

    References
    ----------
    E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, https://doi.org/10.24432/C50P49 (CC BY 4.0).

    Examples
    --------
    >>> inputs, labels = load_digits()
    >>> inputs.shape, int(inputs.max()), labels[:5].tolist()
    ((1797, 64), 16, [0, 1, 2, 3, 4])
    """
    name = "digits.npz"
    content = read_verified(files("meanfield.data") / name, CHECKSUMS[name])
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return arrays["inputs"].astype(np.int64), arrays["labels"].astype(np.int64)


def read_verified(source: Traversable, checksum: str) -> bytes:
    """Content of a file whose SHA-256 is as expected.

    Parameters
    ----------
    source : path or resource
    checksum : str
        SHA-256 in hexadecimal.

    Raises
    ------
    FileError
        If the file is missing or has another checksum.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise FileError(f"the data file {source} cannot be read: {error}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise FileError(
            f"the data file {source} is damaged: its SHA-256 is {found}, not {checksum}; "
            "install meanfield again"
        )
    return content
