import json
from html.parser import HTMLParser

import pytest
from retain.choose import choose, decide_by_proxies, decide_by_rollouts
from retain.choose.document import as_json, write
from retain.choose.folder import SweepFolder
from retain.choose.report import write_report
from retain.errors import EvaluationError

from .sweeps import made_up, proxies

pytest.importorskip("matplotlib")

ENDS = ("compact-base", "runs/place")
CELLS = {0.0: (0, 95, 0), 0.5: (60, 95, 70), 1.0: (40, 60, 100)}


def rolled(cells=CELLS, beside=None):
    swept = made_up(cells)
    return decide_by_rollouts(swept, choose(swept), ENDS, beside)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.text, self.pictures, self.links = "", 0, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.pictures += tag == "img"
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_a_script_finds_the_choice_its_price_and_the_command():
    told = json.loads(json.dumps(as_json(rolled())))
    assert (told["by"], told["alpha"]) == ("rollouts", {"vision": 0.5, "language": 0.5, "action": 0.5})
    assert told["command"] == "retain merge compact-base runs/place --alpha 0.5 -o merged"
    costs = {(one["suite"], one["against"]): one for one in told["rollouts"]["costs"]}
    assert costs["id", "finetuned"]["value"] == pytest.approx(-0.30)
    assert costs["id", "finetuned"]["low"] < -0.30 < costs["id", "finetuned"]["high"]
    assert told["rollouts"]["pareto_front"] == ["α = 0.5"]
    by_name = {one["name"]: one for one in told["rollouts"]["candidates"]}
    assert not by_name["α = 1"]["admissible"]
    assert by_name["α = 1"]["success"]["generalist"]["successes"] == 60
    assert told["proxies"] is None


def test_a_person_finds_the_same_on_one_page_that_fetches_nothing(tmp_path):
    folder = SweepFolder(tmp_path / "out")
    folder.claim()
    decision = rolled(beside=proxies((0.0, 0.5, 1.0)))
    page = Page(write_report(decision, folder).read_text(encoding="utf-8"))
    assert page.pictures == 3
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    for words in (
        "Merge at α = 0.5",
        "in 60 % of the episodes (finetuned 40 %, base 0 %)",
        "the new task as demonstrated: -30 points",
        "old tasks: +0 points [+0, +0] against the base",
        "too good by selection",
        decision.command,
        decision.reason,
    ):
        assert words in page.text


def test_without_rollouts_the_page_says_so_and_shows_what_was_measured(tmp_path):
    folder = SweepFolder(tmp_path / "out")
    folder.claim()
    decision = decide_by_proxies(proxies((0.0, 0.5, 1.0)), ENDS)
    page = Page(write_report(decision, folder).read_text(encoding="utf-8"))
    assert "No episode was run." in page.text
    assert page.pictures == 1
    told = as_json(decision)
    assert (told["by"], told["rollouts"]) == ("proxies", None)
    assert told["blind_spots"] == list(decision.blind_spots)
    assert told["proxies"]["recommended"]["alpha"] == {"vision": 0.5, "language": 0.5, "action": 0.5}


@pytest.mark.parametrize(
    ("cells", "title"),
    [
        ({0.0: (0, 95, 0), 0.5: (0, 60, 50), 1.0: (90, 50, 99)}, "Keep the base: "),
        ({0.0: (0, 95, 0), 0.5: (40, 95, 50), 1.0: (90, 95, 99)}, "Keep the finetuned policy: "),
    ],
)
def test_where_no_merge_pays_the_page_does_not_sell_one(cells, title):
    assert rolled(cells).title.startswith(title)


def test_a_folder_of_something_else_is_never_written_to(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(EvaluationError, match="is not an earlier sweep's folder; give another -o folder"):
        SweepFolder(tmp_path).claim()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(EvaluationError, match="give another -o folder"):
        SweepFolder(tmp_path / "thesis.txt").claim()


def test_an_earlier_sweeps_folder_is_gone_on_in(tmp_path):
    folder = SweepFolder(tmp_path / "out")
    folder.claim()
    write(rolled(), folder.choice)
    folder.claim()
    assert json.loads(folder.choice.read_text(encoding="utf-8"))["name"] == "α = 0.5"
