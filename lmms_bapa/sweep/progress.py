"""What a person sees of a sweep while it runs."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn


def span(seconds: float) -> str:
    """A duration for people: ``1:05`` or ``2:01:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class SweepProgress:
    """One bar over all questions of all settings, with questions per second and time left.

    Rate and time left are those of the questions that the model answers now; answers of an
    earlier, interrupted run are only counted as done.

    Args:
        console: where it is shown; None shows nothing.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task("loading", total=None, told="")
        self._answered = self._total = self._done = self._processes = 0
        self._settings, self._seconds, self._since = "", 0.0, 0.0

    def __enter__(self) -> SweepProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Shows what is done before the first question."""
        self._bar.update(self._task, description=text)

    def start(self, questions: int, processes: int = 1) -> None:
        """Tells the questions of all settings that are left, and how many processes share them."""
        self._total, self._processes = questions, processes
        self._since = time.perf_counter()
        self._bar.update(self._task, total=questions, completed=0)

    def setting(self, number: int, settings: int, label: str) -> None:
        """A setting begins; ``number`` counts from 1 and those done before are counted, too."""
        self._bar.update(self._task, description=f"setting {number} of {settings}, {label}")

    def answered(self, count: int, now: bool) -> None:
        """Questions were answered in this process, by the model or before it was interrupted."""
        self._done = min(self._total, self._done + count * self._processes)
        if now:
            self._answered += count * self._processes
        told = self.told(time.perf_counter() - self._since)
        self._bar.update(self._task, completed=self._done, told=told)

    def told(self, seconds: float) -> str:
        """Rate and time left after so many seconds."""
        if not self._answered or seconds <= 0:
            return ""
        rate = self._answered / seconds
        left = (self._total - self._done) / rate
        return f"{rate:,.1f} questions/s, {span(left)} left"
