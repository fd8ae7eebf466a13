"""The page stands alone, shows everything it was given, and runs nothing it was given."""

import html.parser
import re

import pytest

from maxentrl.report.page import Coefficient, Fact, Grid, Page, Picture, shown
from maxentrl.report.render import render

HOSTILE = "<script>alert('x')</script>\" onload=\"y"

PAGE = Page(
    title=HOSTILE,
    headline=HOSTILE,
    facts=[Fact(HOSTILE, HOSTILE, HOSTILE)],
    coefficients=[
        Coefficient(HOSTILE, 1.5, 0.5, 3.0, 0.5, 2.5, 1.25),
        Coefficient("at bound", 0.0, note=HOSTILE),
        Coefficient("wide", -1.0, 1e6, 0.0, -2e6, 2e6, -1.0),
    ],
    coefficients_note=HOSTILE,
    verdict=HOSTILE,
    trusted=False,
    certificate=[Fact("gradient", 1e-9)],
    scores=Grid(("model", "nats"), (("learnt", 1.25), (HOSTILE, None)), (0,), HOSTILE),
    pictures=[Picture(HOSTILE, HOSTILE, b"\x89PNG", "a.png")],
    data=[Fact("walks", 12345)],
    dropped=Grid(("walk", "why"), ((HOSTILE, "left the map"),)),
    record=[Fact("seed", 0)],
)


class Reader(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def read():
    return Reader(render(PAGE))


def test_every_tag_is_closed(read):
    assert read.open == []


def test_names_are_shown_and_never_run(read):
    assert "script" not in read.tags
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    assert "".join(read.text).count(HOSTILE) >= 13


def test_nothing_is_requested(read):
    addresses = [value for _, name, value in read.attributes if name in ("src", "href", "action", "data")]
    assert addresses
    assert all(value.startswith("data:image/png;base64,") for value in addresses)
    assert not re.search(r"url\(|@import|https?:", render(PAGE))


def test_intervals_lie_where_the_numbers_do():
    low, high = PAGE.span
    assert low < -1.0
    assert 2.5 < high < 4.0  # the interval of two million does not squeeze the others
    assert PAGE.place(low) == 0.0
    assert PAGE.place(2e6) == 100.0
    assert PAGE.place((low + high) / 2) == pytest.approx(50.0)


def test_numbers_are_shown_as_people_write_them():
    assert [shown(x) for x in (None, 0.0, 1.0, -1.5, 12345, 1234567.0, 1e-9, "x", True)] == [
        "", "0.000", "1.000", "−1.500", "12\u202f345", "1.23e+06", "1e−09", "x", "True",
    ]  # fmt: skip


def test_an_empty_page_is_a_page():
    assert Reader(render(Page("t", "h"))).open == []
