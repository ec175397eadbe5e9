"""The report of a study made by hand: what stands in the page, its files and its words."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from lmms_bapa.errors import UsageError
from lmms_bapa.report.sentences import headline, task_finding
from lmms_bapa.report.study import Study, TaskStudy
from lmms_bapa.report.tables import further_table, place_table, score_table, spread_table
from lmms_bapa.report.write import check_output, write_report

from .report_studies import HOSTILE, NOTHING, comparison, figures, interval, places, study, written


class Page(HTMLParser):
    """What a test wants to know of a page: tags with attributes, and the text by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "source", "br", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag  # well nested

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str | None = None) -> str:
        found = "".join(text for name, text in self.texts if tag is None or name == tag)
        return " ".join(found.split())


@pytest.fixture(scope="module")
def folder() -> Path:
    return written()


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_page_needs_nothing_else(page: Page) -> None:
    assert not page.all("script")
    sources = [a["src"] for a in page.all("img")] + [a["srcset"] for a in page.all("source")]
    assert all(source and source.startswith("data:image/") for source in sources)
    links = [a["href"] or "" for tag in ("a", "link") for a in page.all(tag)]
    assert all(link.startswith(("#", "data:")) for link in links)
    targets = {a["id"] for _, a in page.tags if "id" in a}
    assert {link[1:] for link in links if link.startswith("#")} <= targets


def test_page_can_be_heard(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(a["alt"] or "") > 10 for a in page.all("img"))
    assert {a.get("scope") for a in page.all("th")} == {"row", "col"}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_setting_and_figure_is_shown(page: Page, folder: Path) -> None:
    made, shown = study(), {a.get("id") for a in page.all("figure")}
    for label in made.settings:
        assert page.text("code").count(label) >= 5
    files = {path.stem for path in (folder / "figures").iterdir()}
    assert files == shown - {None}
    assert {"maps_spatial_probe_lite", "maps_auroc_spatial_probe_lite", "places_pope_shift"} < files
    assert {f"curve_agci_lambda_{task.task}" for task in made.tasks} < files
    for name in files:
        with Image.open(folder / "figures" / f"{name}.png") as image:
            assert image.width > 1000
        root = ElementTree.parse(folder / "figures" / f"{name}.svg").getroot()
        assert root.tag.endswith("svg")


def test_hostile_texts_are_texts(page: Page, folder: Path) -> None:
    raw = (folder / "index.html").read_text(encoding="utf-8")
    assert "<script" not in raw
    assert HOSTILE in page.text()
    assert "lmms-bapa sweep --grid agci_lambda=0,0.1,0.3 --tasks <b>" in page.text()
    assert "Is there a <red> circle?" in page.text()
    for path in (folder / "tables").glob("scores_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert [row["setting"] for row in csv.DictReader(file)] == list(study().settings)
    for path in (folder / "tables").glob("*.md"):
        rows = [r for r in path.read_text(encoding="utf-8").splitlines() if r.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
        assert len(rows) == 2 + len(study().settings)


def test_the_same_study_gives_the_same_page(tmp_path: Path) -> None:
    own = {"off": figures("t", 0.95, places([0.5, 0.6, 0.7, 0.8]))}
    small = Study("n", "m", {"off": {}}, [TaskStudy("t", own)])
    first = write_report(small, tmp_path / "one").read_bytes()
    assert write_report(small, tmp_path / "two").read_bytes() == first


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_holds_the_numbers_of_the_analysis() -> None:
    task = study().tasks[0]
    scores = rows_of(score_table(task, "off", "x").to_csv())
    spreads = rows_of(spread_table(task, "x").to_csv())
    cells = rows_of(place_table(task, "x").to_csv())
    found = further_table(task, "x")
    assert found is not None
    extra = rows_of(found.to_csv())
    for i, (label, own) in enumerate(task.figures.items()):
        assert {r[i]["setting"] for r in (scores, spreads, cells, extra)} == {label}
        assert float(scores[i]["score"]) == own.score.value
        assert float(scores[i]["score_low"]) == own.score.low
        assert own.places is not None
        assert float(spreads[i]["std_high"]) == own.places.std.high
        assert float(spreads[i]["chance_std_low"]) == own.places.chance_std.low
        assert float(spreads[i]["matters_p"]) == own.places.matters_p
        assert float(cells[i]["row 1, column 1"]) == own.places.score[0].value
        assert float(cells[i]["row 3, column 3 auroc"]) == own.places.auroc[8]
        assert float(extra[i]["yes_rate"]) == own.extra["yes_rate"].value
        compared = task.comparisons.get(label)
        if compared is None:
            assert scores[i]["difference"] == scores[i]["p_holm"] == ""
            continue
        assert float(scores[i]["difference"]) == compared.difference.value
        assert (int(scores[i]["wins"]), int(scores[i]["losses"])) == (31, 12)
        assert float(scores[i]["p"]) == compared.p
        assert float(scores[i]["p_holm"]) == compared.p_holm
        assert float(spreads[i]["std_p_holm"]) == compared.std_p_holm


def test_tables_are_rounded_as_read() -> None:
    table = score_table(study().tasks[0], "off", "x")
    texts = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert texts["off"] == ["92.8 (90.8 to 94.8)", "–", "stock model", "–", "–", "–"]
    difference = "+2.2 (+0.7 to +3.7)"
    assert texts["bapa=true"][1:] == [difference, "better", "31 / 12", "0.012", "0.012"]
    assert texts["agci_lambda=0.1"][2] == "no difference shown"
    assert texts[HOSTILE][2:] == ["worse", "31 / 12", "<\u00a00.001", "<\u00a00.001"]


def test_no_data_is_not_zero() -> None:
    empty = figures("t", math.nan, None)
    table = score_table(TaskStudy("t", {"off": empty}), "off", "x")
    assert [cell.text for cell in table.rows[0][1:3]] == ["–", "–"]
    assert rows_of(table.to_csv())[0]["score"] == ""
    holes = places([math.nan] * 4)
    spread = spread_table(TaskStudy("t", {"off": figures("t", 0.5, holes)}), "x")
    assert spread.rows[0][1].text == "–"


def test_scores_that_are_no_shares_stay_as_they_are(tmp_path: Path) -> None:
    scores = [1204.5, 1300.0, 1310.0, 1290.0]
    own = {"off": figures("mme", 1280.0, places(scores)), "bapa=true": figures("mme", 900.0, None)}
    task = TaskStudy("mme", own, {"bapa=true": comparison("mme", "bapa=true", -380, 0.01, None, 1)})
    assert score_table(task, "off", "x").rows[0][1].text.startswith("1280.000 (")
    assert "%" not in score_table(task, "off", "x").title
    write_report(Study("n", "m", {"off": {}, "bapa=true": {"bapa": "true"}}, [task]), tmp_path)


def plain(sentences: list[str]) -> str:
    text = " ".join(sentences).replace("\x02", "").replace("\x03", "")
    return text.replace("\u00a0", " ")


def test_finding_says_what_is_shown() -> None:
    made = study()
    assert "Of 10 comparisons of scores with the stock model, 6 show a difference" in plain(
        headline(made)
    )
    said = plain(task_finding(made.tasks[0], "off"))
    assert (
        "scores 92.8 % (accuracy, 95 % interval 90.8 to 94.8) on 900 questions in 50 groups" in said
    )
    assert "from 54.0 % (row 1, column 1) to 98.0 % (row 2, column 3)" in said
    assert "chance alone would give 0.8 to 2.4: position matters (p < 0.001)" in said
    assert "raised by agci_lambda=0.3,bapa=true (+2.3 points, +0.8 to +3.8; p = 0.009)" in said
    assert f"lowered by {HOSTILE} (−62.8 points" in said
    assert "No difference of the score is shown for the 2 other settings." in said
    assert "The spread is reduced by bapa=true (−11.7 points" in said
    assert "increased" not in said
    assert f"at the cost of a worse score with {HOSTILE}." in said


def test_a_shift_of_the_threshold_is_called_one() -> None:
    task = study().tasks[0]
    said = plain(task_finding(task, "off"))
    assert (
        "bapa=true says Yes more often (51.7 % instead of 44.3 %) and shows no gain of AUROC "
        "(0.982 instead of 0.981): its higher score may be a shift of the threshold." in said
    )
    # The other one says Yes more often, too, but tells the two apart better.
    assert (
        "agci_lambda=0.3,bapa=true says Yes more often (51.4 % instead of 44.3 %) and" not in said
    )
    # The paired interval decides, where there is one.
    better = replace(task.comparisons["bapa=true"], extra={"auroc": interval(0.03, 0.01)})
    said = plain(task_finding(replace(task, comparisons={"bapa=true": better}), "off"))
    assert "higher score may be a shift of the threshold" not in said
    assert (
        "bapa=true (51.7 %) says Yes more often than the stock model (44.3 %), and no AUROC more "
        "even over the places is shown" in said
    )
    unsure = replace(better, extra={"auroc": interval(0.005, 0.01)})
    said = plain(task_finding(replace(task, comparisons={"bapa=true": unsure}), "off"))
    assert "higher score may be a shift of the threshold" in said
    both = {"auroc": interval(0.03, 0.01), "auroc_std": interval(-0.03, 0.01)}
    even = replace(better, extra=both)
    said = plain(task_finding(replace(task, comparisons={"bapa=true": even}), "off"))
    assert "threshold" not in said


def test_without_margins_the_threshold_stays_open() -> None:
    task = study().tasks[0]
    own = {
        label: replace(f, extra={"yes_rate": f.extra["yes_rate"]})
        for label, f in task.figures.items()
    }
    said = plain(task_finding(replace(task, figures=own), "off"))
    assert "cannot be told from a shift of the threshold" in said
    assert "bapa=true (51.7 %) and agci_lambda=0.3,bapa=true (51.4 %) say Yes more often" in said


def test_noise_is_not_sold() -> None:
    chance = comparison("t", "bapa=true", 0.05, 0.2, -0.01, 0.6)
    few = replace(comparison("t", "x=1", 0.06, 0.01, -0.01, 0.6), p_groups_holm=0.3)
    even = places([0.95, 0.94, 0.96, 0.95])
    own = {label: figures("t", 0.95, even) for label in ("off", "bapa=true", "x=1")}
    task = TaskStudy("t", own, {"bapa=true": chance, "x=1": few})
    said = plain(task_finding(task, "off"))
    assert "no effect of position is shown (p = 0.410)" in said
    assert "No difference of the score is shown for the 2 settings." in said
    assert "No difference of the spread is shown for the 2 settings." in said
    assert "raised" not in said
    assert "reduced" not in said


def test_one_setting_alone_makes_a_report(tmp_path: Path) -> None:
    own = {"off": replace(figures("t", 0.95, None), score=interval(0.95))}
    alone = Study("n", "m", {"off": {}}, [TaskStudy("t", own)], gaps=["One setting only."])
    page = Page(write_report(alone, tmp_path).read_text(encoding="utf-8"))
    assert "nothing to compare with" in page.text()
    assert "One setting only." in page.text("li")
    assert not [a for a in page.all("section") if a["id"] in ("places", "strength", "flips")]


def test_settings_without_an_interval_are_drawn(tmp_path: Path) -> None:
    bare = replace(places([0.5, math.nan, 0.7, 0.9]), std=NOTHING, chance_std=NOTHING)
    own = {"off": replace(figures("t", 0.9, bare), score=NOTHING)}
    path = write_report(Study("n", "m", {"off": {}}, [TaskStudy("t", own)]), tmp_path)
    assert "scores nothing" in Page(path.read_text(encoding="utf-8")).text()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    own = {"off": figures("t", 0.95, None)}
    small = Study("n", "m", {"off": {}}, [TaskStudy("t", own)])
    (tmp_path / "figures").mkdir()
    with pytest.raises(UsageError, match="figures already, not of a report"):
        check_output(tmp_path)
    (tmp_path / "figures").rmdir()
    (tmp_path / "index.html").write_text("<p>mine</p>", encoding="utf-8")
    with pytest.raises(UsageError, match=r"index\.html already, not of a report"):
        check_output(tmp_path)
    (tmp_path / "index.html").unlink()
    write_report(small, tmp_path)
    (tmp_path / "figures" / "old.png").touch()
    (tmp_path / "figures" / "notes.txt").touch()
    check_output(tmp_path)
    write_report(small, tmp_path)
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {
        "notes.txt",
        "settings_t.png",
        "settings_t.svg",
    }
