"""The exporters ``csv`` and ``latex``: the numbers of the statistics, in readable tables."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas
import pytest

from lmms_bapa.errors import UsageError
from lmms_bapa.export.latex_columns import escape
from lmms_bapa.export.options import make_exporter
from lmms_bapa.export.source import Source, open_source
from lmms_bapa.results.findings import compare_all, describe
from lmms_bapa.results.folders import read_runs
from lmms_bapa.statistics.figures import Interval

from .result_folders import noisy, plain_samples, probe_samples, start_blind, write_run

PROBE, PLAIN = "spatial_probe_lite", "text_50%_a&b"
AGCI, BOTH = "agci_lambda=0.3", "agci_lambda=0.3,bapa=true"
# Of 60 questions: right ones of the stock model, of a better setting, and of a worse one.
RIGHT = {"off": 30, AGCI: 58, BOTH: 12}


def text_of(name: str, source: Source, *options: str) -> dict[str, str]:
    """The files of an export: path -> text."""
    found = make_exporter(name, options).files(source)
    return {str(file.path): file.content.decode() for file in found}


def frames(source: Source) -> dict[str, pandas.DataFrame]:
    """The files of ``csv``, read as somebody else would."""
    files = text_of("csv", source)
    return {name: pandas.read_csv(io.StringIO(text)) for name, text in files.items()}


def write_plain(folder: Path, right: dict[str, int], better: bool = True) -> Path:
    """Runs of one task whose scores are 0 or 1."""
    for label, count in right.items():
        args = "pretrained=some_lab/model" + (f",{label}" if label != "off" else "")
        scores = [1.0] * count + [0.0] * (60 - count)
        write_run(folder / label, {PLAIN: plain_samples(scores)}, args, better={"accuracy": better})
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of a task with places and one without."""
    folder = tmp_path_factory.mktemp("sweep")
    for label, count in RIGHT.items():
        args = "pretrained=some_lab/model" + (f",{label}" if label != "off" else "")
        share = (lambda _: 0.95) if label == AGCI else start_blind
        margin = (lambda doc: 1.0 if doc["answer"] == "Yes" else -1.0) if label == AGCI else None
        probe = probe_samples(noisy(share), margin, groups=8)
        plain = plain_samples([1.0] * count + [0.0] * (60 - count))
        write_run(folder / label, {PROBE: probe, PLAIN: plain}, args)
    return folder


# --- csv ----------------------------------------------------------------------------------------


def test_figures_are_those_of_the_statistics(both: Path) -> None:
    table = frames(open_source(both))["figures.csv"]
    assert len(table) == len(table.drop_duplicates(["setting", "task", "figure"]))
    for run in read_runs(both):
        own = table[(table.setting == run.label) & (table.task == PLAIN)].set_index("figure")
        assert own.loc["score", "value"] == RIGHT[run.label] / 60  # by hand
        for task in (PROBE, PLAIN):
            figures = describe(run, task)
            rows = table[(table.setting == run.label) & (table.task == task)].set_index("figure")
            expected: dict[str, Interval] = {"score": figures.score, **figures.extra}
            if figures.places is not None:
                places = figures.places
                expected |= {"spread": places.std, "worst place": places.worst}
                expected |= {
                    f"score at {n}": s for n, s in zip(places.names, places.score, strict=True)
                }
                assert ("spread of AUROC" in rows.index) == (run.label == AGCI)
            for name, interval in expected.items():
                same(rows.loc[name], interval, "value")
            assert set(rows.questions) == {figures.questions}


def same(row: Any, interval: Interval, column: str) -> None:
    """Whether a row has the numbers of an interval, to the last digit."""
    for name, value in ((column, interval.value), ("low", interval.low), ("high", interval.high)):
        assert row[name] == value or (math.isnan(row[name]) and math.isnan(value))


def test_differences_are_those_of_the_comparisons(both: Path) -> None:
    table = frames(open_source(both, [BOTH]))["differences.csv"]
    assert set(table.setting) == {BOTH}
    # Holm's correction is over all settings of the folder, chosen or not.
    whole = frames(open_source(both))["differences.csv"]
    for c in compare_all(read_runs(both)):
        chosen = table if c.second == BOTH else whole
        rows = chosen[(chosen.task == c.task) & (chosen.setting == c.second)].set_index("figure")
        same(rows.loc["score"], c.difference, "difference")
        assert rows.loc["score", ["stock", "value"]].tolist() == list(c.scores)
        assert rows.loc["score", ["p", "p_holm"]].tolist() == [c.p, c.p_holm]
        assert rows.loc["score", "is_shown"] == c.is_shown
        if c.std_difference is not None:
            same(rows.loc["spread"], c.std_difference, "difference")
            assert rows.loc["spread", "p_holm"] == c.std_p_holm
    assert table[table.task == PLAIN].set_index("figure").loc["score", "is_shown"]


def test_the_wide_table_has_the_same_values(both: Path) -> None:
    found = frames(open_source(both))
    wide, long = found["wide.csv"].set_index("setting"), found["figures.csv"]
    assert list(wide.index) == ["off", AGCI, BOTH]
    single = long[~long.figure.str.startswith("score at")]
    assert len(wide.columns) == 2 + len(single.drop_duplicates(["task", "figure"]))
    for row in single.itertuples():
        value = wide.loc[row.setting, f"{row.task}: {row.figure}"]
        assert value == row.value or (math.isnan(value) and math.isnan(row.value))
    # Only one setting has margins: the others have nothing there, not 0.
    assert wide[f"{PROBE}: auroc"].isna().tolist() == [True, False, True]
    assert wide.intervention.tolist()[0] == "stock model"
    assert "AGCI lambda=0.3" in wide.intervention[BOTH]
    assert "BaPA strength=1" in wide.intervention[BOTH]


def test_no_data_is_an_empty_cell(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"t": plain_samples([0.3])}, "pretrained=m")
    files = text_of("csv", open_source(run))
    assert "nan" not in "".join(files.values()).lower()
    assert set(files) == {"figures.csv", "wide.csv"}  # there is nothing to compare
    (row,) = frames(open_source(run))["figures.csv"].to_dict("records")
    assert row["value"] == 0.3
    assert all(math.isnan(row[name]) for name in ("low", "high", "level"))


def test_a_task_that_somebody_else_scores_is_left_out_aloud(both: Path, tmp_path: Path) -> None:
    sheet = [{"doc_id": 0, "target": "x", "input": "Q", "submission": {"prediction": "A"}}]
    plain = plain_samples([0.0, 1.0, 1.0])
    better = {"submission": True, "accuracy": True}
    write_run(tmp_path / "a", {"t": plain, "sheet": sheet}, "pretrained=m", better=better)
    write_run(tmp_path / "b", {"t": plain, "sheet": sheet}, "pretrained=m,bapa=true", better=better)
    for name in ("csv", "latex"):
        source = open_source(tmp_path)
        files = text_of(name, source)
        assert "sheet" not in "".join(files.values())
        (note,) = source.notes
        assert note.startswith("left out: sheet: ")
        with pytest.raises(UsageError, match="no score per document"):
            text_of(name, open_source(tmp_path, tasks=["sheet"]))
    (tmp_path / "a/micro-llava/20260102_030405_samples_sheet.jsonl").write_text('{"doc_id": 0')
    with pytest.raises(UsageError, match="cut off"):  # damage is not left out
        text_of("csv", open_source(tmp_path))


# --- latex --------------------------------------------------------------------------------------


def cells(table: str) -> dict[str, list[str]]:
    """The rows between the rules, by their first cell."""
    body = table.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = [re.split(r"(?<!\\)&", line.removesuffix(r"\\")) for line in body.strip().splitlines()]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in rows}


def well_formed(table: str, columns: int) -> None:
    """Environments and braces are closed, and every line has as many cells as the table."""
    opened: list[str] = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", table):
        if word == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    plain = re.sub(r"\\[{}]", "", table)
    assert plain.count("{") == plain.count("}")
    body = table.split(r"\toprule")[1].split(r"\bottomrule")[0]
    for line in (x for x in body.splitlines() if x.endswith(r"\\")):
        spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
        assert len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) - len(spans) == columns
    (form,) = re.findall(r"\\begin\{tabular\}\{(l+)\}", table)
    assert len(form) == columns


def test_a_table_of_a_sweep(both: Path) -> None:
    source = open_source(both)
    (table,) = text_of("latex", source, "width=200", "figures=score,spread").values()
    well_formed(table, columns=4)
    rows = cells(table)
    assert list(rows) == [
        "Stock model",
        r"AGCI ($\lambda$ = 0.3)",
        r"AGCI ($\lambda$ = 0.3) + BaPA",
    ]
    assert [row[2] for row in rows.values()] == [
        r"50.0 {\scriptsize [37.0, 63.0]}",  # Student's t, by hand: 0.5 ± 2.001 · 0.0651
        r"\textbf{96.7}$^{*}$ {\scriptsize [92.0, 100.0]}",
        r"20.0$^{*}$ {\scriptsize [9.6, 30.4]}",
    ]
    assert r"text\_50\%\_a\&b" in table
    assert "some\\_lab/model" in table
    assert "$n = 60$" in table
    assert "$n = 144$ in 8 groups" in table
    assert "4 of scores" in table
    spreads = {
        label: source.figures(run, PROBE).places
        for label, run in zip(rows, source.runs, strict=True)
    }
    for label, places in spreads.items():
        assert places is not None
        assert f"{100 * places.std.value:.1f}" in rows[label][1]


@pytest.mark.parametrize(
    ("right", "better", "marks"),
    [
        ({"off": 30, AGCI: 58, BOTH: 57}, True, ["", "b*", "*"]),
        ({"off": 30, AGCI: 33, BOTH: 30}, True, ["", "", ""]),  # the best is not shown to be
        ({"off": 30, AGCI: 2, BOTH: 1}, True, ["", "*", "*"]),  # shown to be worse
        ({"off": 30, AGCI: 58, BOTH: 2}, False, ["", "*", "b*"]),  # lower is better
    ],
)
def test_bold_and_star(
    tmp_path: Path, right: dict[str, int], better: bool, marks: Sequence[str]
) -> None:
    (table,) = text_of("latex", open_source(write_plain(tmp_path, right, better))).values()
    found = [row[0] for row in cells(table).values()]
    shown = ["b" * ("textbf" in cell) + "*" * ("^{*}" in cell) for cell in found]
    assert shown == marks


def test_wide_tables_are_divided_and_nothing_is_lost(both: Path) -> None:
    source = open_source(both)
    figures = "figures=score,spread,balanced_accuracy,yes_rate,auroc"
    whole = text_of("latex", source, "width=500", figures)
    parts = text_of("latex", source, "width=60", figures, "label=tab:x")
    assert list(whole) == ["table.tex"]
    assert list(parts) == [f"table-{n}.tex" for n in range(1, len(parts) + 1)]
    assert len(parts) > 1
    joined: dict[str, list[str]] = {}
    for number, table in enumerate(parts.values(), start=1):
        rows = cells(table)
        well_formed(table, 1 + len(rows["Stock model"]))
        assert rf"\label{{tab:x-{number}}}" in table
        has_scores = "Accuracy" in table
        assert ("4 of scores" in table) == has_scores  # the correction is over all of them
        assert has_scores or "Spread" in table or "None of these figures was tested" in table
        for name, row in rows.items():
            joined.setdefault(name, []).extend(row)
    assert joined == cells(whole["table.tex"])
    assert joined["Stock model"][4] == "--"  # no margins, no AUROC


def test_what_was_not_compared_is_said(both: Path) -> None:
    (alone,) = text_of("latex", open_source(both, ["off"]), "width=200").values()
    assert "$^{*}$:" in alone  # the folder has other settings
    (steered,) = text_of("latex", open_source(both, [BOTH]), "intervals=none", "width=200").values()
    assert "The stock model is not in this table." in steered
    assert "scriptsize" not in steered
    assert "textbf" not in steered  # alone in its column, and shown to be worse
    (single,) = text_of("latex", open_source(both / "off"), "caption=Mine.", "width=200").values()
    assert "No setting was compared" in single
    assert r"\caption{Mine. some\_lab/model on" in single
    with pytest.raises(UsageError, match="did you mean spread"):
        text_of("latex", open_source(both), "figures=spraed")


def test_escaping() -> None:
    assert escape("a_b%c&d#e$f{g}") == r"a\_b\%c\&d\#e\$f\{g\}"
    assert escape("~^\\") == r"\textasciitilde{}\textasciicircum{}\textbackslash{}"
    assert escape("a\nb\x00c") == "a b c"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_it_compiles_and_fits_the_page(both: Path, tmp_path: Path) -> None:
    figures = "figures=score,spread,worst place,d_prime,criterion"
    tables = text_of("latex", open_source(both), figures)
    page = "\n".join(tables.values())
    (tmp_path / "page.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{page}\end{{document}}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_the_same_results_give_the_same_bytes(both: Path) -> None:
    for name in ("csv", "latex"):
        assert text_of(name, open_source(both)) == text_of(name, open_source(both))
