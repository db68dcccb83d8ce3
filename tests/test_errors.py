import pytest

from meanfield.errors import (
    DivergenceError,
    FileError,
    InvalidInputError,
    MeanfieldError,
    unknown_name,
)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [(InvalidInputError, ValueError), (FileError, OSError), (DivergenceError, ArithmeticError)],
)
def test_every_error_is_ours_and_of_its_builtin_kind(kind, builtin):
    assert issubclass(kind, MeanfieldError)
    assert issubclass(kind, builtin)


def test_a_divergence_knows_until_when_the_run_was_sound():
    error = DivergenceError("the risk became infinite", time=1.5)
    assert error.time == 1.5
    assert str(error) == "the risk became infinite"


def test_an_unknown_name_is_answered_with_the_nearest_one():
    error = unknown_name("solver", "Euller", ["heun", "euler"])
    assert isinstance(error, InvalidInputError)
    assert str(error) == "unknown solver 'Euller'; did you mean 'euler'? known: euler, heun"


def test_a_name_that_resembles_nothing_gets_no_suggestion():
    assert str(unknown_name("solver", "xyz", ["euler"])) == "unknown solver 'xyz'; known: euler"


def test_what_is_not_a_string_can_be_unknown_too():
    assert str(unknown_name("solver", 3, ["euler"])) == "unknown solver 3; known: euler"
