"""SPEC files: what is read, and every mistake with its line and its cure."""

import math
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from maxentrl.readers.spec import parse_spec, read_spec
from maxentrl.readers.spec_lines import line_of
from maxentrl.readers.spec_model import FileDemonstrations, LayerThreshold, Spec
from maxentrl.status import InvalidInput

SMALL = '[world]\nkind = "plaza"\n[time]\nkind = "to-goal"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_spec(text, directory=Path(), name="f.toml")
    return list(caught.value.problems)


def refusals(text: str) -> tuple[str, ...]:
    """What is wrong with a text; nothing, if it is a specification."""
    try:
        return () if isinstance(parse_spec(text, directory=Path()), Spec) else ("no specification",)
    except InvalidInput as error:
        return error.problems


def test_a_whole_file_is_read():
    spec = parse_spec(
        """
        [world]
        kind = "grid"
        layers = { grass = "a b/grass.png", path = "path.npy" }
        cell = 4
        walls = { layer = "building", above = 0.25 }
        slip = 0.1
        [demonstrations]
        files = ["one.csv", "two.csv"]
        impossible = "drop"
        columns = { x = "pos_x" }
        [reward]
        features = ["gr*"]
        bounds = { "*" = [-inf, 0] }
        prior = { standard_deviation = 2 }
        tied = [["a", "b"]]
        [time]
        kind = "discounted"
        discount = 0.9
        [fit]
        temperature = 1
        """,
        directory=Path("/maps"),
    )
    assert spec.world.kind == "grid"
    assert spec.world.layers == {"grass": "a b/grass.png", "path": "path.npy"}
    assert spec.world.walls == LayerThreshold(layer="building", above=0.25)
    assert isinstance(spec.demonstrations, FileDemonstrations)
    assert spec.demonstrations.files == ("one.csv", "two.csv")
    assert spec.reward.bounds == {"*": (-math.inf, 0.0)}
    assert spec.reward.tied == (("a", "b"),)
    assert spec.path("a b/grass.png") == Path("/maps/a b/grass.png")
    assert spec.fit.temperature == 1.0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("cel = 4", "f.toml, line 4: 'cel' is not a key of [world]; did you mean 'cell'?"),
        ("cell = 0", "f.toml, line 4: world.cell = 0: expected greater than or equal to 1"),
        ('cell = "4"', 'f.toml, line 4: world.cell = "4": expected an integer'),
        ("cell = true", "f.toml, line 4: world.cell = true: expected an integer"),
        ("moves = 6", "f.toml, line 4: world.moves = 6: expected 4 or 8"),
        ("stay = 1", "f.toml, line 4: world.stay = 1: expected true or false"),
        ("slip = 1.5", "f.toml, line 4: world.slip = 1.5: expected less than or equal to 1"),
        ("cell_size = -2", "f.toml, line 4: world.cell_size = -2: expected greater than 0"),
        ('blocked = "stays"', 'f.toml, line 4: world.blocked = "stays": expected "unavailable" or "stay"'),
        ('walls = {layer = "b", abve = 1}', "line 4: 'abve' is not a key of [world.walls]; did you mean 'above'?"),
    ],
)
def test_a_mistake_in_the_world(line, says):
    text = f'[world]\nkind = "grid"\nlayers = "a.npz"\n{line}\n[time]\nkind = "finite"\n'
    assert says in problems(text)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "to-gaol"', 'time.kind = "to-gaol": expected one of "discounted", "finite", "to-goal"; did you mean'),
        ("goals = [1]", '[time] lacks the key \'kind\': one of "discounted", "finite", "to-goal"'),
        ('kind = "discounted"', "line 3: [time] lacks the key 'discount': γ, the weight of a reward one step later"),
        ('kind = "discounted"\ndiscount = 1', "line 5: time.discount = 1: expected less than 1"),
        ('kind = "finite"\nhorizon = 0', "line 5: time.horizon = 0: expected greater than or equal to 1"),
        ('kind = "to-goal"\nhorizon = 3', "'horizon' is not a key of [time]; its keys are kind, goals"),
    ],
)
def test_a_mistake_in_time(text, says):
    assert says in problems(f'[world]\nkind = "plaza"\n[time]\n{text}\n')[0]


def test_every_mistake_is_told_in_the_order_of_lines():
    found = problems(
        '[world]\nkind = "plaza"\nsead = 1\n[demonstrations]\nfiles = 3\nimpossible = "dropp"\n[time]\n'
        'kind = "to-goal"\n[fitt]\na = 1\n[fit]\ntolerance = -1\n'
    )
    assert [problem.split(":")[0] for problem in found] == [f"f.toml, line {n}" for n in (3, 5, 6, 9, 12)]
    assert "did you mean 'seed'" in found[0]
    assert found[1].endswith("expected a string or a list")
    assert "did you mean 'fit'" in found[3]


def test_missing_tables_are_named():
    assert [p for p in problems("") if "[world]" in p]
    assert [p for p in problems("") if "[time]" in p]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[world\n", "f.toml, line 1, column 7: not valid TOML"),
        ("[world]\nkind = plaza\n", "f.toml, line 2, column 8: not valid TOML"),
        ("a = 1\na = 2\n", "f.toml, line 2, column 6: not valid TOML: cannot overwrite a value"),
    ],
)
def test_broken_toml_has_line_and_column(text, says):
    assert problems(text)[0].startswith(says)


def test_files(tmp_path):
    folder = tmp_path / "my maps"
    folder.mkdir()
    (folder / "plaza.toml").write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    spec = read_spec(folder / "plaza.toml")
    assert spec.path("x.csv") == folder / "x.csv"
    assert spec.text == SMALL
    with pytest.raises(InvalidInput, match=r"plza\.toml: there is no such file; did you mean .*plaza\.toml"):
        read_spec(folder / "plza.toml")
    with pytest.raises(InvalidInput, match="is a folder"):
        read_spec(folder)
    (folder / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(InvalidInput, match=r"latin\.toml, byte 2: not UTF-8"):
        read_spec(folder / "latin.toml")


def test_lines_of_keys():
    text = 'a = 1\n[t]\n# b = 0\ns = """\nb = 2\n"""\nb = [\n  1,\n  { c = 2 },\n]\n"q r" = 1\n[t.u]\nv.w = 3\n'
    assert line_of(text, ["a"]) == 1
    assert line_of(text, ["t"]) == 2
    assert line_of(text, ["t", "b"]) == 7
    assert line_of(text, ["t", "b", 1, "c"]) == 9
    assert line_of(text, ["t", "q r"]) == 11
    assert line_of(text, ["t", "u", "v", "w"]) == 13
    assert line_of(text, ["t", "absent"]) == 2
    assert line_of(text, ["nowhere"]) is None


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_by_name(text):
    assert all(problem.startswith("SPEC") for problem in refusals(SMALL + text))


KEYS = ["kind", "layers", "files", "features", "bounds", "prior", "goals", "observed", "discount", "seed", "walls"]
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-2, 9), st.floats(), st.sampled_from(["grid", "plaza", "files", "ends", "'"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)


def as_toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else repr(value)


@given(st.dictionaries(st.sampled_from(["world", "demonstrations", "reward", "time", "fit", "forecast"]),
                       st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4) | VALUES))  # fmt: skip
def test_any_values_are_read_or_refused_by_name(document):
    text = "\n".join(f"{key} = {as_toml(value)}" for key, value in document.items())
    found = refusals(text)
    assert all(problem.startswith("SPEC") for problem in found)
    assert not [problem for problem in found if "not valid TOML" in problem]
