from importlib.metadata import EntryPoint

import pytest

from meanfield import registry
from meanfield.errors import InvalidInputError
from meanfield.registry import EntryPointRegistry, Registry
from meanfield.solver import solver_from_dict


@pytest.fixture
def shapes():
    filled = Registry("shape")
    filled.register("circle", 1)
    filled.register("square", 4)
    return filled


def test_a_registry_is_a_mapping_in_order_of_registration(shapes):
    assert dict(shapes) == {"circle": 1, "square": 4}
    assert list(shapes) == ["circle", "square"]
    assert len(shapes) == 2
    assert "circle" in shapes
    assert "line" not in shapes


@pytest.mark.parametrize("name", ["squire", "Square", "square "])
def test_a_wrong_name_is_answered_with_the_nearest_entry(shapes, name):
    with pytest.raises(InvalidInputError, match=r"unknown shape .* did you mean 'square'\?"):
        shapes[name]


def test_what_cannot_be_a_name_is_unknown(shapes):
    with pytest.raises(InvalidInputError, match=r"unknown shape \['circle'\]"):
        shapes[["circle"]]


def test_a_taken_name_is_refused_and_its_entry_kept(shapes):
    with pytest.raises(InvalidInputError, match="the shape name 'circle' is taken already"):
        shapes.register("circle", 2)
    assert shapes["circle"] == 1


def test_registering_the_same_value_again_is_harmless(shapes):
    shapes.register("circle", 1)
    assert len(shapes) == 2


@pytest.fixture
def points(monkeypatch):
    """A vocabulary of two installed names, one of them broken, in place of the real ones."""
    installed = [
        EntryPoint("root", "math:sqrt", "test.functions"),
        EntryPoint("broken", "no_such_module:f", "test.functions"),
    ]

    def entry_points(group):
        return [point for point in installed if point.group == group]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return EntryPointRegistry("test.functions", "function")


def test_installed_names_are_listed_without_loading_them(points):
    assert sorted(points) == ["broken", "root"]
    assert len(points) == 2
    assert "broken" in points
    assert "cube" not in points


def test_an_installed_name_is_loaded_when_it_is_asked_for(points):
    assert points["root"](9.0) == 3.0


def test_an_entry_that_is_not_installed_is_answered_with_the_nearest(points):
    with pytest.raises(InvalidInputError, match=r"unknown function 'rot'; did you mean 'root'\?"):
        points["rot"]


def test_a_group_that_nobody_fills_is_empty(points):
    assert dict(EntryPointRegistry("test.nothing", "function")) == {}


def test_a_setting_that_is_missing_or_unknown_is_named():
    assert solver_from_dict({"name": "sgd", "step": 0.5}).step == 0.5
    with pytest.raises(InvalidInputError, match="the solver sgd needs the setting step"):
        solver_from_dict({"name": "sgd"})
    with pytest.raises(InvalidInputError, match="setting of the solver sgd 'stp'; did you mean"):
        solver_from_dict({"name": "sgd", "stp": 0.5})
