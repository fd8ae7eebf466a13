"""Layers from files that are sound, damaged, huge or hostile."""

import importlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from maxentrl.readers.layers import read_layers
from maxentrl.status import InvalidInput, MaxentrlError, MissingExtra


def test_layers_of_an_npz_by_name(tmp_path):
    path = tmp_path / "my map.npz"
    grass, stone = np.arange(6.0).reshape(2, 3), np.ones((2, 3), np.uint8)
    np.savez_compressed(path, grass=grass, stone=stone)
    layers, report = read_layers(path)
    assert list(layers) == ["grass", "stone"]
    np.testing.assert_array_equal(layers["grass"], grass)
    assert layers["stone"].dtype == np.float64
    assert report.used == 2


def test_a_stack_takes_its_names_from_a_file_and_drops_those_without(tmp_path):
    stack = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    np.savez(tmp_path / "s.npz", features=stack)
    names = tmp_path / "names.txt"
    names.write_text("Some prose, which is not a name\n\n[feature_0] grass\n[feature_1] stone\n[feature_2] step up\n")
    layers, report = read_layers(tmp_path / "s.npz", names=names)
    assert list(layers) == ["grass", "stone", "step up"]
    np.testing.assert_array_equal(layers["step up"], stack[2])
    assert report.dropped == (("features[3]", "no name was given for this layer"),)
    names.write_text("# comment\na\nb\nc\nd\n")
    assert list(read_layers(tmp_path / "s.npz", names=names)[0]) == ["a", "b", "c", "d"]


def test_several_files_and_a_mapping(tmp_path):
    np.save(tmp_path / "grass.npy", np.zeros((2, 3)))
    Image.fromarray(np.array([[0, 51, 255], [0, 0, 0]], np.uint8)).save(tmp_path / "stone.png")
    layers, _ = read_layers([tmp_path / "grass.npy", tmp_path / "stone.png"])
    assert list(layers) == ["grass", "stone"]
    np.testing.assert_allclose(layers["stone"][0], [0, 0.2, 1])
    renamed, _ = read_layers({"lawn": tmp_path / "grass.npy", "slab": tmp_path / "stone.png"})
    assert list(renamed) == ["lawn", "slab"]


def test_images_of_sixteen_bits_and_in_colour(tmp_path):
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.full((1, 2, 3), 255, np.uint8)).save(tmp_path / "white.png")
    layers, _ = read_layers([tmp_path / "deep.png", tmp_path / "white.png"])
    np.testing.assert_allclose(layers["deep"], [[0, 1]])
    np.testing.assert_allclose(layers["white"], 1.0)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("an object was unpickled",))


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "o.npy", np.array([[Bomb()]], object), allow_pickle=True)
    np.savez(tmp_path / "o.npz", a=np.array([[Bomb()]], object))
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("o.npy", "o.npz"):
        with pytest.raises(InvalidInput, match="never unpickled"):
            read_layers(tmp_path / name)
    with pytest.raises(InvalidInput, match="damaged"):
        read_layers(tmp_path / "p.npy")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    np.savez_compressed(tmp_path / "big.npz", a=np.zeros((1000, 1000)))
    assert (tmp_path / "big.npz").stat().st_size < 100_000
    with pytest.raises(InvalidInput, match="more than the limit of 1 MiB"):
        read_layers(tmp_path / "big.npz", size_limit=2**20)
    Image.new("L", (2000, 2000)).save(tmp_path / "big.png")
    with pytest.raises(InvalidInput, match="limit"):
        read_layers(tmp_path / "big.png", size_limit=2**20)


def test_a_header_that_asks_for_more_than_is_there(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    (tmp_path / "liar.npy").write_bytes(stream.getvalue() + b"\0" * 64)
    with zipfile.ZipFile(tmp_path / "liar.npz", "w") as archive:
        archive.writestr("a.npy", stream.getvalue())
    for name in ("liar.npy", "liar.npz"):
        with pytest.raises(InvalidInput, match="is truncated"):
            read_layers(tmp_path / name)


@settings(max_examples=60)
@given(st.data())
def test_a_truncated_or_changed_npz_is_refused_or_read_but_never_breaks(tmp_path, data):
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.arange(12.0).reshape(3, 4), b=np.ones((3, 4)))
    content = bytearray(stream.getvalue())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.npz"
    path.write_bytes(bytes(content))
    refused = None
    try:
        layers, _ = read_layers(path)
    except MaxentrlError as error:
        refused = error
    if refused is not None:
        assert "damaged.npz" in str(refused)
    else:
        assert all(layer.shape == (3, 4) for layer in layers.values())


@pytest.mark.parametrize(
    ("arrays", "names", "message"),
    [
        ({"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}, None, "'a' is 2 x 3, 'b' is 3 x 2"),
        ({"a": np.zeros((2, 2, 3))}, None, "a stack of 2 layers: give their names"),
        ({"a": np.zeros((2, 2, 3))}, ["x", "x"], "'x' is given to two layers"),
        ({"a": np.zeros((2, 2, 3))}, ["x", "y", "z"], "1 names are left over: there is no layer for 'z'"),
        ({"a": np.zeros(3)}, None, r"shape \(3,\)"),
        ({"a": np.array([["x"]])}, None, "expected numbers"),
        ({}, None, "holds no array"),
    ],
)
def test_bad_arrays_are_named(tmp_path, arrays, names, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InvalidInput, match=message):
        read_layers(tmp_path / "bad.npz", names=names)


def test_other_bad_files(tmp_path):
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "map.txt").write_text("0 1")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    for name, message in (
        ("empty.npz", "damaged"),
        ("text.png", "damaged"),
        ("map.txt", "unknown kind of file '.txt'"),
    ):
        with pytest.raises(InvalidInput, match=message):
            read_layers(tmp_path / name)
    with pytest.raises(InvalidInput, match="there is already a layer 'a'"):
        read_layers([tmp_path / "a.npy", tmp_path / "a.npy"])
    with pytest.raises(InvalidInput, match=r"did you mean 'a.npy'"):
        read_layers(tmp_path / "b.npy")
    np.savez(tmp_path / "two.npz", x=np.zeros((2, 2)), y=np.zeros((2, 2)))
    with pytest.raises(InvalidInput, match="expected one map for layer 'z'"):
        read_layers({"z": tmp_path / "two.npz"})
    assert list(read_layers({"x": tmp_path / "two.npz"})[0]) == ["x"]


def test_without_pillow_the_message_installs_it(tmp_path, monkeypatch):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    imported = importlib.import_module

    def absent(name):
        if name == "PIL.Image":
            raise ImportError(name)
        return imported(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"maxentrl\[report\]"):
        read_layers(tmp_path / "a.png")
