"""CSV files as people make them: any encoding, line ends and delimiter, and every mistake by file, row and column."""

import codecs
import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.readers.csv_columns import read_columns, read_header
from maxentrl.status import InvalidInput, MaxentrlError

TEXT = "state,action,wert\nhäuschen,go,1.5\nb,rest,-2\n"


def write(folder, content, name="data.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("latin-1"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoted", [False, True])
def test_every_encoding_line_end_and_delimiter(tmp_path, encode, line_end, delimiter, quoted):
    text = TEXT.replace("\n", line_end).replace(",", delimiter)
    text = text.replace("rest", '"rest"') if quoted else text
    columns = read_columns(write(tmp_path, encode(text)), ("state", "action"), ("wert",))
    assert list(columns.text["state"]) == ["häuschen", "b"]
    assert list(columns.text["action"]) == ["go", "rest"]
    assert columns.numbers("wert").tolist() == [1.5, -2.0]
    assert columns.rows.tolist() == [2, 3]


def test_latin_1_is_said(tmp_path):
    columns = read_columns(write(tmp_path, TEXT.encode("latin-1")), ("state",), None)
    assert "not UTF-8" in columns.warnings[0]


cells = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=8
)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6), st.sampled_from([",", ";", "\t"]))
def test_what_the_standard_library_writes_is_read_back(tmp_path, rows, delimiter):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    kept = [list(row) for row in rows if any(cell.strip(",;\t ") for cell in row)]
    path = write(tmp_path, stream.getvalue())
    if not kept:
        return
    columns = read_columns(path, ("a", "b", "c"))
    found = [list(row) for row in zip(*(columns.text[name] for name in "abc"), strict=True)]
    assert [row for row in found if any(cell.strip(",;\t ") for cell in row)] == kept


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_anything_is_read_or_refused_by_name(tmp_path, content):
    path = write(tmp_path, content)
    refused = None
    try:
        columns = read_columns(path, (), None)
    except MaxentrlError as error:
        refused = error
    if refused is not None:
        assert str(path) in str(refused)
    else:
        assert all(len(column) == len(columns) for column in columns.text.values())


def test_renamed_columns_and_any_case_of_known_ones(tmp_path):
    path = write(tmp_path, "Agent,STEP,Note\nw,0,x\n")
    columns = read_columns(path, ("trajectory", "step"), None, {"trajectory": "Agent"})
    assert list(columns.text) == ["trajectory", "step", "Note"]
    assert read_header(path, ("trajectory", "step"), {"trajectory": "Agent"}) == ("trajectory", "step", "Note")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n  \n", "is empty"),
        (",,\n,,\n", "is empty"),
        ("state,step\n", "a header and no rows"),
        ("stat,step\n1,2\n", "has no column 'state'"),
        ("state,step,staet\n1,2,3\n", "unknown column 'staet'; did you mean 'state'"),
        ("state,step,step\n1,2,3\n", "has the column 'step' twice"),
        ("state,step,\n1,2,3\n", "a column without a name"),
        ("state,step\n1,2\n\n1,2,3\n", "row 4: 3 cells, the header has 2"),
        ('state,step\n1,2\n"1",2,3\n', "row 3: 3 cells"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\x02", "binary"),
        (codecs.BOM_UTF16_LE + b"a\0b", "neither UTF-8 nor UTF-16"),
    ],
)
def test_mistakes_are_named(tmp_path, content, message):
    path = write(tmp_path, content, "my walks.csv")
    with pytest.raises(InvalidInput, match=message) as caught:
        read_columns(path, ("state", "step"))
    assert "my walks.csv" in str(caught.value)


def test_numbers_are_finite_and_mistakes_are_by_row(tmp_path):
    columns = read_columns(write(tmp_path, "a,b,c\n1,nan,1.5\n\n1e3,2,\nx,inf,7\n"), ("a", "b", "c"))
    with pytest.raises(InvalidInput, match="row 5, column a: 'x'"):
        columns.numbers("a")
    with pytest.raises(InvalidInput, match="row 2, column b: 'nan'"):
        columns.numbers("b")
    with pytest.raises(InvalidInput, match="row 4, column c: ''"):
        columns.numbers("c")
    assert columns.numbers("c", 9.0).tolist() == [1.5, 9.0, 7.0]
    with pytest.raises(InvalidInput, match=r"row 2, column c: '1.5': expected a whole number"):
        columns.whole_numbers("c", 1)


def test_many_mistakes_are_counted(tmp_path):
    columns = read_columns(write(tmp_path, "a\n" + "x\n" * 1000), ("a",))
    with pytest.raises(InvalidInput) as caught:
        columns.numbers("a")
    assert len(caught.value.problems) == 21
    assert "980 more" in caught.value.problems[-1]


def test_missing_files_and_folders(tmp_path):
    write(tmp_path, TEXT, "walks.csv")
    with pytest.raises(InvalidInput, match=r"did you mean 'walks.csv'"):
        read_columns(tmp_path / "wlaks.csv", ("state",))
    with pytest.raises(InvalidInput, match="is a folder"):
        read_columns(tmp_path, ("state",))
    with pytest.raises(InvalidInput, match="no such file"):
        read_columns(tmp_path / "nowhere" / "walks.csv", ("state",))
    with pytest.raises(InvalidInput, match=r"no such file|cannot be read"):
        read_columns("a\0b", ("state",))


def test_a_quoted_line_break_does_not_shift_later_rows(tmp_path):
    columns = read_columns(write(tmp_path, 'a,b\n"x\ny",1\nz,oops\n'), ("a", "b"))
    assert columns.text["a"][0] == "x\ny"
    with pytest.raises(InvalidInput, match="row 4, column b: 'oops'"):
        columns.numbers("b")


def test_a_column_of_many_rows(tmp_path):
    path = write(tmp_path, "a,b\n" + "".join(f"{i},w{i % 7}\n" for i in range(100_000)))
    columns = read_columns(path, ("a", "b"))
    np.testing.assert_array_equal(columns.whole_numbers("a"), np.arange(100_000))
    codes, words = columns.codes("b")
    assert words == [f"w{k}" for k in range(7)]
    np.testing.assert_array_equal(codes, np.arange(100_000) % 7)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_where_commas_do_not_separate(tmp_path, delimiter):
    rows = ["t{0}x", "0{0}99,934", "1{0}-,5", "2{0}7", "3{0}1,5e2"]
    columns = read_columns(write(tmp_path, "\n".join(rows).format(delimiter)), ("t", "x"))
    assert columns.numbers("t").tolist() == [0, 1, 2, 3]
    assert columns.numbers("x").tolist() == [99.934, -0.5, 7, 150]


@pytest.mark.parametrize("text", ["t;x\n0;1,5\n1;1.234\n2;3,5\n", 't,x\n0,"1,5"\n1,3\n2,"3,5"\n'])
def test_commas_that_may_mean_something_else_are_one_line_a_column(tmp_path, text):
    columns = read_columns(write(tmp_path, text), ("t", "x"))
    with pytest.raises(InvalidInput, match=r"column x: 2 cells have a comma \('1,5' in row 2\)") as caught:
        columns.numbers("x")
    assert len(caught.value.problems) == 1


def test_words_among_decimal_commas_are_named(tmp_path):
    columns = read_columns(write(tmp_path, "t;x\n0;1,5\n1;1,234,567\n"), ("t", "x"))
    with pytest.raises(InvalidInput, match="row 3, column x: '1,234,567'"):
        columns.numbers("x")
