"""Any image task of the harness, with every picture at several places of a larger canvas.

A YAML names the task that it is made from (``base``) and how it is shifted (``shift``, see
:class:`lmms_bapa.shift.spec.ShiftSpec`); its other keys replace the base task's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmms_eval.api.task import ConfigurableMessagesTask
from tenacity import RetryError

from lmms_bapa.errors import UsageError
from lmms_bapa.harness import shift_metrics
from lmms_bapa.harness.base_tasks import (
    base_config,
    check_adapter,
    check_keys,
    check_shiftable,
)
from lmms_bapa.harness.discovery import model_name as current_model
from lmms_bapa.harness.failure import visible_failures
from lmms_bapa.harness.messages import as_rgb
from lmms_bapa.harness.shift_checks import check_pictures
from lmms_bapa.harness.shift_documents import (
    DOCUMENT,
    PLACEMENT,
    BareDocuments,
    PlacedDocuments,
    bare,
)
from lmms_bapa.shift.canvas import place
from lmms_bapa.shift.spec import ORIGINAL, SHIFT_VERSION, read_spec
from lmms_bapa.validation import reason

# A data set may hold documents without a picture; one without any in so many, spread over it, has
# none.
_DOCUMENTS_TO_LOOK_AT = 100


def _cause(error: RetryError) -> Exception:
    """What went wrong the last time; the harness tries five times."""
    cause = error.last_attempt.exception()
    return cause if isinstance(cause, Exception) else error


class ShiftedTask(ConfigurableMessagesTask):  # type: ignore[misc]
    """Shows the documents of a base task elsewhere, and scores them as the base task does.

    Prompt, parsing, filters, few-shot examples and generation arguments are the base task's. For
    chat adapters.
    """

    def __init__(self, config: Mapping[str, Any], model_name: str | None = None) -> None:
        settings = dict(config)
        settings.pop("class", None)
        name = settings.get("task")
        with visible_failures():
            try:
                base = settings.pop("base", None)
                if not isinstance(base, str):
                    raise UsageError("base: name the task that is shifted, as in `base: pope`")
                check_adapter(current_model())
                self.shift = read_spec(settings.pop("shift", None) or {})
                self._places = {p.name: p for p in self.shift.layout.placements}
                self._fewshot: tuple[Any, str] | None = None
                self._forms: dict[int, shift_metrics.Form] = {}
                self.args = None  # the harness's command line, which it sets later
                check_keys(settings)
                whole = {**base_config(base), **settings}
                check_shiftable(base, whole, self.shift.judge)
                whole.setdefault("cluster_key", "document")  # its places are not independent
                whole["metadata"] = self._metadata(whole.get("metadata"), base)
                super().__init__(config=whole, model_name=model_name or current_model())
                self._check_documents()
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from error

    def _metadata(self, given: Any, base: str) -> dict[str, Any]:
        # The harness writes metadata to its results, and its response cache depends on them.
        kept = given if isinstance(given, dict) else {}
        return {**kept, "base": base, "shift": {**self.shift.summary(), "version": SHIFT_VERSION}}

    # --- documents ------------------------------------------------------------------------------

    @property
    def _split(self) -> str:
        return str(self.config.test_split or self.config.validation_split)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None) -> None:
        """Loads the base task's data set, and shows its documents at every place.

        Raises:
            UsageError: the data set cannot be loaded.
        """
        try:
            super().download(dataset_kwargs)
        except RetryError as error:
            raise UsageError(
                f"data set {self.DATASET_PATH} cannot be loaded ({reason(_cause(error))}): without "
                "network, put a copy into a folder of that name where you start"
            ) from error
        if self._split not in self.dataset:
            raise UsageError(
                f"data set {self.DATASET_PATH} has no split {self._split!r}, only "
                f"{', '.join(self.dataset)}: name one as test_split"
            )
        self._unplaced = self.dataset[self._split]
        rows = self._chosen(len(self._unplaced))
        for data in {id(d): d for d in (self.dataset, self.dataset_no_image)}.values():
            documents = data[self._split]
            documents = documents if rows is None else documents.select(rows)
            data[self._split] = PlacedDocuments(documents, self.shift.names)

    def _chosen(self, total: int) -> list[int] | None:
        """Documents to show, spread evenly in blocks of those that are scored together."""
        wanted, block = self.shift.documents, self.shift.together
        if wanted is None or wanted >= total:
            return None
        blocks, of = max(1, wanted // block), total // block
        if not of:
            raise UsageError(f"shift.together={block}: there are only {total} documents")
        starts = sorted({i * of // blocks * block for i in range(blocks)})
        return [start + i for start in starts for i in range(block)]

    def _check_documents(self) -> None:
        documents = self.dataset[self._split].documents
        count = min(len(documents), _DOCUMENTS_TO_LOOK_AT)
        for number in (i * len(documents) // count for i in range(count)):
            if self._pictures(super().doc_to_messages(documents[number])):
                break
        else:
            raise UsageError(
                f"the base task shows no pictures in its documents ({count} of {len(documents)} "
                "looked at): nothing to shift"
            )
        check_pictures(documents, self.shift)

    def fewshot_docs(self) -> Any:
        """The base task's own documents, all of them."""
        documents = super().fewshot_docs()
        return self._unplaced if isinstance(documents, PlacedDocuments) else documents

    def fewshot_context(self, doc: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The base task's context, drawn once a document: all its places have the same examples."""
        if self._fewshot is None or self._fewshot[0] != doc[DOCUMENT]:
            document = bare(dict(doc))
            text = super().fewshot_context(document, *args, **kwargs)
            self._fewshot = doc[DOCUMENT], text
            self._form(doc[DOCUMENT], document)  # a question that fails should fail now
        return self._fewshot[1]

    def _form(self, number: int, document: dict[str, Any]) -> shift_metrics.Form:
        """What a reply to a document should be."""
        if number not in self._forms:
            question = self.doc_to_text(document)
            try:
                target = self.doc_to_target(document)
            except Exception:  # a scorer of its own need not ask for it, and then it may fail
                target = None
            self._forms[number] = shift_metrics.form_of(self.shift, question, target)
        return self._forms[number]

    def build_all_requests(
        self, *, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> None:
        """Asks whole groups only: a limit counts questions, and is rounded down.

        Raises:
            UsageError: the limit is less than one group, the offset is inside one, or requests are
                to be cached.
        """
        group = len(self.shift.names) * self.shift.together
        with visible_failures():
            if kwargs.get("cache_requests"):  # the harness stores them without their messages
                raise UsageError("--cache_requests cannot keep questions that are asked in "
                                 "messages: leave it out")  # fmt: skip
            if limit is not None and limit < group:
                raise UsageError(
                    f"--limit {limit} is less than {self.shift.together} document(s) at "
                    f"{len(self.shift.names)} places: give a multiple of {group}"
                )
            if offset % group:
                raise UsageError(f"--offset {offset} is inside a document's places: give a "
                                 f"multiple of {group}")  # fmt: skip
        whole = None if limit is None else limit // group * group
        self._fewshot = None
        super().build_all_requests(limit=whole, offset=offset, **kwargs)

    # --- questions ------------------------------------------------------------------------------

    @staticmethod
    def _pictures(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        parts = [p for m in messages if isinstance(m["content"], list) for p in m["content"]]
        for kind in ("video", "audio"):
            if any(part["type"] == kind for part in parts):
                raise UsageError(f"the base task shows {kind}: only still pictures can be shifted")
        return [part for part in parts if part["type"] == "image"]

    def doc_to_messages(self, doc: dict[str, Any], **kwargs: Any) -> Any:
        """The base task's messages, with every picture on its canvas.

        The original placement leaves them untouched.

        Raises:
            UsageError: a picture cannot be read, or its canvas would be too large.
        """
        messages = super().doc_to_messages(bare(doc), **kwargs)
        self._pictures(messages)
        if doc[PLACEMENT] == ORIGINAL:
            return messages
        # New messages: a task may show the same example, one object, with every question.
        return [
            {**m, "content": [self._placed(part, doc[PLACEMENT]) for part in m["content"]]}
            if isinstance(m["content"], list)
            else m
            for m in messages
        ]

    def _placed(self, part: Any, place_name: str) -> Any:
        if part["type"] != "image":
            return part
        layout, placement = self.shift.layout, self._places[place_name]
        picture = as_rgb(part["url"])
        return {
            **part,
            "url": place(picture, placement, layout.ratio, self.shift.fill, layout.room),
        }

    # --- scores ---------------------------------------------------------------------------------

    def apply_filters(self) -> None:
        """The base task's filters, each reply beside its own document."""
        # The harness pairs replies with documents from the first on, which is wrong for a process
        # that has every second document.
        numbers = [request.doc_id for request in self._instances]
        documents = BareDocuments(self.task_docs, numbers)  # most filters never look at them
        for ensemble in self._filters:
            ensemble.apply(self._instances, documents)

    def _prepare_metric_and_aggregation(self) -> None:
        self._aggregation_list: dict[str, Any] = {}
        self._higher_is_better: dict[str, bool] = {}
        super()._prepare_metric_and_aggregation()
        self._base_metrics = dict(self._aggregation_list)
        better = {
            name: self._higher_is_better.get(name) is not False for name in self._base_metrics
        }
        self._lower_is_better = {name for name in better if not better[name]}
        shift_metrics.check_names(self.shift, list(better), self.config.score_key)
        figures = shift_metrics.figures(
            self._base_metrics, better, self.shift, self._scorer_args, self.config.score_key
        )
        self._aggregation_list = {name: f.aggregate for name, f in figures.items()}
        self._higher_is_better = {name: f.higher_is_better for name, f in figures.items()}

    def _scorer_args(self, placement: str) -> Any:
        return shift_metrics.arguments_for(self.args, str(self.config.task), placement)

    def process_results(
        self, doc: dict[str, Any], results: Sequence[Any], full_docs: Any = None
    ) -> dict[str, Any]:
        """Scores one reply as the base task does.

        Returns:
            What the base task makes of it and where, once and in the shape that figures need.
        """
        document, score_key = bare(doc), self.config.score_key
        found = super().process_results(document, results, full_docs)
        values = {name: v for name, v in found.items() if name in self._base_metrics}
        where, form = (doc[PLACEMENT], doc[DOCUMENT]), self._form(doc[DOCUMENT], document)
        records = shift_metrics.records(self.shift, where, values, score_key, self._lower_is_better)
        return records | shift_metrics.reply_records(where, form, results, score_key)
