"""What a report is about: settings, their figures, comparisons, flips, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lmms_bapa.report.numbers import Unit, unit_of
from lmms_bapa.statistics.figures import Comparison, TaskFigures


@dataclass(frozen=True)
class Side:
    """A question at one place.

    Attributes:
        place: name of the place.
        answers: setting -> reply, and whether it is right (None if nothing says so).
        canvas: what the model was shown, as PNG; None if it could not be drawn again.
    """

    place: str
    answers: Mapping[str, tuple[str, bool | None]]
    canvas: bytes | None = None


@dataclass(frozen=True)
class Flip:
    """The same question at two places, with different answers.

    Attributes:
        setting: whose answers differ.
        question: as it was asked.
        sides: the two places.
        is_new: the stock model answers alike at both places.
    """

    setting: str
    question: str
    sides: tuple[Side, Side]
    is_new: bool = False


@dataclass(frozen=True)
class Flips:
    """Flips of one task.

    Attributes:
        counts: setting -> questions whose answer is not the same at all places, and all questions.
        examples: some of them.
        remark: why there are no canvases, or nothing.
        is_framed: the canvases have a frame round the picture that is asked for.
    """

    counts: Mapping[str, tuple[int, int]]
    examples: Sequence[Flip]
    remark: str = ""
    is_framed: bool = False


@dataclass(frozen=True)
class TaskStudy:
    """All settings on one task.

    Attributes:
        task: its name.
        figures: setting -> figures, the stock model first.
        comparisons: setting -> its comparison with the stock model.
        flips: None if the task has no places.
    """

    task: str
    figures: Mapping[str, TaskFigures]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    flips: Flips | None = None

    @property
    def unit(self) -> Unit:
        """Of the scores."""
        return unit_of(f.score for f in self.figures.values())

    @property
    def has_places(self) -> bool:
        """Whether any setting has figures by place."""
        return any(f.places is not None for f in self.figures.values())


@dataclass(frozen=True)
class Study:
    """Everything that a report shows.

    Attributes:
        name: of the folder.
        model: what was evaluated.
        settings: label -> options of the interventions; the stock model, if there, is first and
            has none.
        tasks: one each.
        facts: what was run, as pairs of a heading and a text.
        versions: package -> version.
        command: what was typed, if it is known.
        gaps: what is missing, one sentence each.
    """

    name: str
    model: str
    settings: Mapping[str, Mapping[str, str]]
    tasks: Sequence[TaskStudy]
    facts: Sequence[tuple[str, str]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None
    gaps: Sequence[str] = ()

    @property
    def stock(self) -> str | None:
        """Label of the stock model, or None if it was not run."""
        return next((label for label, options in self.settings.items() if not options), None)
