"""Tables that are cut at the edge of a narrow screen show that they scroll."""

import re
from pathlib import Path

from maxentrl.report import render


def test_every_table_lies_in_a_box_with_shadows_at_its_edges():
    page = (Path(render.__file__).parent / "template.html").read_text(encoding="utf-8")
    (rule,) = re.findall(r"^\.scroll \{.*?\}", page, re.MULTILINE | re.DOTALL)
    assert "overflow-x: auto" in rule
    assert (rule.count("no-repeat local"), rule.count("no-repeat scroll")) == (2, 2)
    assert page.count("<table") == page.count('<div class="scroll" tabindex="0"><table')
    assert page.count("--edge: rgb") == 2
