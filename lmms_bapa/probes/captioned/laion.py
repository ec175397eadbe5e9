"""The layout of the paper's published probe: composed canvases, nine rows a group.

Known from the official scripts and sample pictures, not from the data set itself: ``id``,
``image``, ``caption``, ``position`` and ``answer`` in each row; nine rows in a row show one key
picture at the nine positions; canvases are called ``<id>_<0 to 8>.jpg``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.tables import offenders

ROWS, GROUP, CANVAS_SIZE = 3, 9, (840, 840)
FIELDS = ("id", "caption", "position", "answer")

# In raster order; the number is the cell.
POSITIONS = (
    "top_left",
    "top_center",
    "top_right",
    "left",
    "center",
    "right",
    "bottom_left",
    "bottom_center",
    "bottom_right",
)
_CELL = {name: cell for cell, name in enumerate(POSITIONS)}


def questions_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """What the metrics need to know of each row, in the rows' order.

    Args:
        rows: with the fields of the published probe; ``image`` is looked at if it is a file name.

    Returns:
        Records with ``question_id``, ``group``, ``cell``, ``asked``, ``caption``, ``answer``,
        ``position`` and ``rows``; and remarks.

    Raises:
        UsageError: fields are missing, a position or an answer is unknown, rows stand there twice,
            or nine rows in a row are not one group.
    """
    _check_fields(rows)
    _check_twice(rows)
    answers, remarks = _answers(rows)
    _check_groups(rows, answers)
    questions = []
    for number, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        group, cell = number // GROUP, _CELL[row["position"]]
        asked = "key" if answer == "Yes" else "absent"
        questions.append(
            {
                "question_id": f"{group:05d}-{cell:02d}-{asked}",
                "group": group,
                "cell": cell,
                "asked": asked,
                "caption": row["caption"],
                "answer": answer,
                "position": row["position"],
                "rows": ROWS,
            }
        )
    misnamed = [
        str(row["image"])
        for row, question in zip(rows, questions, strict=True)
        if not _is_named_after(row.get("image"), question["cell"])
    ]
    if misnamed:
        remarks.append(
            offenders("the number at the end of a name is not that of the position", misnamed)
        )
    return questions, remarks


def _where(number: int, row: Mapping[str, Any]) -> str:
    return f"row {number + 1} (id {row['id']})"


def _check_fields(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        raise UsageError("the data has no rows")
    for field in FIELDS:
        lacking = [f"row {n + 1}" for n, row in enumerate(rows) if row.get(field) is None]
        if lacking:
            raise UsageError(offenders(f"rows without {field!r}", lacking))
    silent = [
        _where(n, row)
        for n, row in enumerate(rows)
        if not isinstance(row["caption"], str) or not row["caption"].strip()
    ]
    if silent:
        raise UsageError(offenders("rows with an empty caption", silent))
    lost = [
        f"{_where(n, row)} has {row['position']!r}"
        for n, row in enumerate(rows)
        if row["position"] not in _CELL
    ]
    if lost:
        raise UsageError(offenders(f"unknown positions (known are {', '.join(POSITIONS)})", lost))


def _check_twice(rows: Sequence[Mapping[str, Any]]) -> None:
    first: dict[Any, int] = {}
    twice = []
    for number, row in enumerate(rows):
        image = row.get("image")
        # The same canvas may be asked for two captions; the same question makes no sense twice.
        key = (image if isinstance(image, str) else row["id"], row["position"], row["caption"])
        if first.setdefault(key, number) != number:
            twice.append(f"{_where(number, row)} is row {first[key] + 1} again")
    if twice:
        raise UsageError(offenders("rows that stand there twice", twice))


def _answers(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Yes or No for each row.

    The official scripts knew an older form in which the answer was the position, and wrote Yes
    over it.
    """
    known = {"yes": "Yes", "no": "No"}
    answers, strange, positions = [], [], 0
    for number, row in enumerate(rows):
        answer = known.get(str(row["answer"]).lower())
        if answer is None and row["answer"] == row["position"]:
            answer, positions = "Yes", positions + 1
        if answer is None:
            strange.append(f"{_where(number, row)} has {row['answer']!r}")
        answers.append(answer or "")
    if strange:
        raise UsageError(offenders("answers that are neither Yes nor No", strange))
    remark = f"{positions} answers are names of positions and count as Yes, as in the official code"
    return answers, [remark] if positions else []


def _check_groups(rows: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> None:
    wrong = []
    for start in range(0, len(rows), GROUP):
        part = rows[start : start + GROUP]
        whole = {row["position"] for row in part} == set(POSITIONS)
        alike = len({row["caption"] for row in part}) == 1
        if not (whole and alike and len(set(answers[start : start + GROUP])) == 1):
            wrong.append(f"from {_where(start, part[0])} on")
    if wrong:
        raise UsageError(
            offenders("groups that are not nine rows, one caption at nine positions", wrong)
        )


def _is_named_after(image: Any, cell: int) -> bool:
    if not isinstance(image, str):
        return True
    last = image.rpartition(".")[0].rpartition("_")[2]
    return not last.isdigit() or int(last) == cell
