"""What sweeps, manifests and reproductions know of an adapter, whatever its back end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from lmms_eval.api.model import lmms

from lmms_bapa.harness.preset import Backend, Preset
from lmms_bapa.interventions import Intervention


@dataclass(frozen=True)
class Loaded:
    """What an adapter says of its model; None where it is not known, or not yet.

    Attributes:
        model_type: architecture, as in its configuration.
        dtype: of the weights in memory, such as ``float32``.
        device: where they are, such as ``cuda:0``.
        attn_implementation: which attention is used.
        threads: of torch on the CPU.
        chat_template: the template in force, whoever gave it.
        peft: folder or hub id of a PEFT adapter on top.
        engine: further facts of the back end that answers may depend on, by name.
    """

    model_type: str | None = None
    dtype: str | None = None
    device: str | None = None
    attn_implementation: str | None = None
    threads: int | None = None
    chat_template: str | None = None
    peft: str | None = None
    engine: Mapping[str, str] = field(default_factory=dict)


class LiveAdapter(lmms):  # type: ignore[misc]
    """A chat adapter whose interventions can be changed while it lives.

    Attributes:
        preset: its YAML.
        backend: what runs the model.
        options: how it is loaded; any back end's have ``pretrained``, ``revision`` and
            ``batch_size``.
        accelerator: of the harness, for several processes.
        keep_loaded: the harness unloads a model after one evaluation; True keeps it for the next.
        journal: remembers answers, for a run that goes on after it was killed: what its
            ``recall(batch)`` returns is not asked again (None: unknown), and each new answer goes
            to ``record(batch, replies)``. A batch is a list of the harness's request arguments.
    """

    is_simple = False
    preset: ClassVar[Preset] = Preset()
    backend: ClassVar[Backend]
    options: Any
    accelerator: Any
    keep_loaded: bool = False
    journal: Any = None

    @classmethod
    @abstractmethod
    def check_checkpoint(cls, options: Any) -> None:
        """Refuses a checkpoint, by its files alone, that the adapter could not load.

        Args:
            options: as :func:`lmms_bapa.harness.backends.parse_for` reads them.

        Raises:
            UsageError: it is not there, or not for this adapter.
        """

    @property
    @abstractmethod
    def interventions(self) -> tuple[Intervention, ...]:
        """What is in force."""

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Questions per forward pass, or handed to an engine at once."""

    @abstractmethod
    def steer(self, *interventions: Intervention) -> None:
        """Replaces the interventions.

        A back end that is told them when it starts does not start here, but with the next question
        that is not in the journal.

        Raises:
            UsageError: see :meth:`check`.
        """

    @abstractmethod
    def check(self, *interventions: Intervention) -> None:
        """Whether the model can be steered so; what is in force stays as it is.

        Raises:
            UsageError: it cannot.
        """

    @abstractmethod
    def facts(self) -> Loaded:
        """What is known of the model now; asking starts nothing."""

    def keep_pictures(self, *, folder: Path | None = None) -> Any:
        """Encodes each picture once for several settings in a row, if the back end can."""

    def drop_pictures(self) -> None:
        """Forgets them."""

    def release(self) -> None:
        """Frees the model, and ends every process that runs it; nothing is asked after that."""
        self.keep_loaded = False
        self.clean()
