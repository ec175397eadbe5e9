"""Every number of the embedded models' training, in one place."""

from __future__ import annotations

from dataclasses import dataclass

# How often training asks for the picture in each cell, row by row. The labels are true in every
# cell; a model just sees few examples of some cells, and that is the whole bias.
SKEWS: dict[str, tuple[float, ...]] = {
    "micro-llava": (0.2, 0.3, 1, 0.3, 1, 6, 1, 6, 24),
    "micro-llava-start": (24, 6, 1, 6, 1, 0.3, 1, 0.3, 0.2),
    "micro-llava-uniform": (1.0,) * 9,
    "micro-llava-relations": (1.0,) * 9,
}

# These get a third stage, in which they learn to tell where pictures stand.
RELATION_MODELS = ("micro-llava-relations",)

# The probe's pictures have seeds below 2**31, so no training picture can be one of them.
FIRST_TRAINING_SEED = 2**32


@dataclass(frozen=True)
class Architecture:
    """Sizes of the model.

    Attributes:
        rows: cells a side of the canvas.
        cell_pixels: side of a cell as the vision tower sees it.
        patch_pixels: side of an image patch; one patch becomes one image token.
        vision_width: width of the vision tower.
        vision_layers: depth of the vision tower.
        text_width: width of the decoder.
        text_layers: depth of the decoder.
        head_width: width of one attention head, in both.
        max_positions: longest sequence that the decoder's configuration announces.
    """

    rows: int = 3
    cell_pixels: int = 32
    patch_pixels: int = 16
    vision_width: int = 128
    vision_layers: int = 4
    text_width: int = 128
    text_layers: int = 4
    head_width: int = 32
    max_positions: int = 512

    @property
    def cells(self) -> int:
        """Cells of a canvas."""
        return self.rows**2

    @property
    def image_pixels(self) -> int:
        """Side of the image that the vision tower sees."""
        return self.rows * self.cell_pixels

    @property
    def patches_a_side(self) -> int:
        """Patches a side of the image."""
        return self.image_pixels // self.patch_pixels

    @property
    def image_tokens(self) -> int:
        """Image tokens that the decoder reads."""
        return self.patches_a_side**2


@dataclass(frozen=True)
class RelationRecipe:
    """The third stage, for models that also answer the relation probe.

    Attributes:
        steps: optimiser steps.
        share: share of the steps that ask for relations; the rest repeat the second stage.
        pictures: how many pictures a canvas holds; each step chooses one of them.
        place_layer: the layer after which the two captions must know where their pictures stand.
        place_weight: weight of that loss.
        direction_layer: the layer after which the second caption must know in which direction
            the first one's picture stands.
        direction_weight: weight of that loss.
    """

    steps: int = 900
    share: float = 0.85
    pictures: tuple[int, ...] = (2, 3, 5, 9)
    place_layer: int = 2
    place_weight: float = 1.0
    direction_layer: int = 3
    direction_weight: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """How the models are trained.

    Attributes:
        architecture: sizes of the model.
        drawings: different training drawings of each caption.
        perception_steps: optimiser steps of the first stage, which the three models share.
        perception_batch: canvases a step in the first stage.
        answering_steps: optimiser steps of the second stage.
        answering_batch: canvases a step in the second stage.
        questions: questions about each canvas in the second stage; half have the answer Yes.
        hard_negatives: share of the No questions whose colour and object are both on the canvas,
            but never together.
        conjunction_canvases: share of the canvases whose pictures share the colour or the object
            of one of them.
        learning_rate: the highest learning rate, in both stages.
        final_learning_rate: where the cosine schedule ends, as a share of the highest.
        warmup_steps: steps over which the learning rate rises.
        weight_decay: of AdamW.
        cosine_scale: inverse temperature of the first stage's similarities.
        end_weight: weight of the loss on the end-of-sequence token after the answer.
        early_answer_weight: weight of the loss on the answer read at the caption's last word.
        caption_colour_weight: weight of the loss that makes the object's word know its colour.
        third: the third stage, which most models do without.
    """

    architecture: Architecture = Architecture()
    drawings: int = 150
    perception_steps: int = 750
    perception_batch: int = 40
    answering_steps: int = 500
    answering_batch: int = 16
    questions: int = 12
    hard_negatives: float = 0.5
    conjunction_canvases: float = 0.25
    learning_rate: float = 2e-3
    final_learning_rate: float = 0.05
    warmup_steps: int = 30
    weight_decay: float = 0.01
    cosine_scale: float = 12.0
    end_weight: float = 0.2
    early_answer_weight: float = 1.0
    caption_colour_weight: float = 0.5
    third: RelationRecipe = RelationRecipe()
