"""The training pictures: drawn once, scaled to a cell, and varied a little at every use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from tqdm import tqdm

from lmms_bapa.embedded.recipe import FIRST_TRAINING_SEED, Recipe
from lmms_bapa.probes.pictures import draw_picture

# A picture is drawn at twice its final size and averaged down, which looks like the reduction of
# the full canvas. On the 840-px canvas a box takes 270 of its cell's 280 px: 62 of 64 here.
_OVERSAMPLING, _MARGIN = 2, 1
_SHIFT = 2
_LIGHT = 0.1

EMPTY = -1  # stands for a caption's number where a cell is left white


def _draw_cell(caption: str, seed: int, side: int) -> Image.Image:
    large = side * _OVERSAMPLING
    cell = Image.new("RGB", (large, large), "white")
    cell.paste(draw_picture(caption, seed, large - 2 * _MARGIN), (_MARGIN, _MARGIN))
    return cell.reduce(_OVERSAMPLING)


def draw_bank(recipe: Recipe, names: Sequence[str], seed: int) -> Tensor:
    """Draws the pictures that training uses.

    Args:
        recipe: says how many drawings of each caption, and their size.
        names: the captions.
        seed: seed of the run; different runs share no picture.

    Returns:
        Bytes of shape (captions, drawings, side, side, 3).
    """
    side, count = recipe.architecture.cell_pixels, recipe.drawings
    first = FIRST_TRAINING_SEED * (seed + 1)
    bank = np.empty((len(names), count, side, side, 3), dtype=np.uint8)
    for number, name in enumerate(tqdm(names, desc="drawing", unit="caption")):
        for copy in range(count):
            cell = _draw_cell(name, first + number * count + copy, side)
            bank[number, copy] = np.asarray(cell)
    return torch.from_numpy(bank)


def _vary(pictures: Tensor, generator: Generator) -> Tensor:
    """Mirrors, shifts and lightens each picture at random; (n, side, side, 3) to floats."""
    count, side = pictures.shape[:2]
    mirrored = torch.rand(count, generator=generator) < 0.5
    pictures = torch.where(mirrored.view(-1, 1, 1, 1), pictures.flip(2), pictures)
    shifts = torch.randint(-_SHIFT, _SHIFT + 1, (2, count, 1), generator=generator)
    down, right = (torch.arange(side) + shifts).clamp(0, side - 1)
    pictures = pictures[torch.arange(count).view(-1, 1, 1), down[:, :, None], right[:, None, :]]
    light = 1 + _LIGHT * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
    return (pictures.float() * light).clamp(0, 255)


@dataclass(frozen=True)
class Painter:
    """Paints canvases at the vision tower's size.

    Attributes:
        bank: drawings of each caption, shape (captions, drawings, side, side, 3).
        rows: cells a side.
    """

    bank: Tensor
    rows: int

    def paint(self, tiles: Tensor, generator: Generator) -> Tensor:
        """Paints canvases.

        Args:
            tiles: caption numbers or ``EMPTY``, shape (batch, cells).
            generator: source of every random choice.

        Returns:
            Pixels as the processor would give them, shape (batch, 3, height, width).
        """
        copies = torch.randint(self.bank.shape[1], tiles.shape, generator=generator)
        pictures = _vary(self.bank[tiles.flatten(), copies.flatten()], generator)
        pictures[tiles.flatten() == EMPTY] = 255
        side, rows = self.bank.shape[2], self.rows
        cells = pictures.view(-1, rows, rows, side, side, 3)
        canvas = cells.permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, rows * side, rows * side)
        return canvas / 127.5 - 1
