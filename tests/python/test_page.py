from html.parser import HTMLParser

from retain.page import Section, Table, render

PNG = bytes.fromhex("89504e470d0a1a0a")


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.headings, self.links, self.cells, self.text = [], [], [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        self.text += data


def outline(page):
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_is_one_file_that_fetches_nothing(tmp_path):
    picture = tmp_path / "curve.png"
    picture.write_bytes(PNG)
    found = outline(render("Title", "Lead", [Section("One", "Text", pictures=[picture])]))
    assert len(found.links) == 1
    assert found.links[0].startswith("data:image/png;base64,")


def test_tables_keep_every_cell_in_order():
    table = Table(["policy", "ID"], [["base", "0/100"], ["merged", "91/100"]], strong=1)
    found = outline(render("Title", "Lead", [Section("Table", "", table=table)]))
    assert found.cells == ["policy", "ID", "base", "0/100", "merged", "91/100"]


def test_what_looks_like_markup_is_shown_as_it_is():
    found = outline(render("a < b", "<script>x</script>", [Section("α < 1 & more", "R&D", commands="a > b")]))
    assert found.headings == ["α < 1 & more"]
    assert "<script>x</script>" in found.text


def test_points_are_a_list():
    found = outline(render("Title", "Lead", [Section("Costs", "", points=["a < b", "c"])]))
    assert "a < b" in found.text
    assert "<li>a &lt; b</li><li>c</li>" in render("Title", "Lead", [Section("Costs", "", points=["a < b", "c"])])
