"""Many questions about one canvas in one sequence, so that the image is read only once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmms_bapa.embedded.language import IMAGE, NO, YES, render
from lmms_bapa.embedded.recipe import Architecture
from lmms_bapa.probes.vocabulary import captions, split_caption


@dataclass(frozen=True)
class Readings:
    """What the decoder says about packed questions; each has shape (batch, questions, ...).

    Attributes:
        answer: scores of the next word where the answer is due.
        end: scores of the next word after the right answer.
        early_caption: state at the caption's last word after the first layer.
        late_caption: state at the caption's last word after the last layer.
    """

    answer: Tensor
    end: Tensor
    early_caption: Tensor
    late_caption: Tensor


class PackedSequence:
    """Lays out the image, the words that all questions share, then the questions' own words.

    A question sees the image, the shared words and itself, at the positions that it would have if
    it were asked alone; the answers are the same as those of single questions.

    Args:
        prompt: token numbers of one question asked alone, its image one token.
        image: number of the image token.
        first: number of the first own word's token.
        sizes: sizes of the model.
    """

    def __init__(self, prompt: list[int], image: int, first: int, sizes: Architecture) -> None:
        at_image, at_own = prompt.index(image), prompt.index(first)
        ids = torch.tensor(prompt)
        self.before_image = ids[:at_image]
        self.after_image = ids[at_image + 1 : at_own]
        self.template = ids[at_own:]
        self.image_tokens = sizes.image_tokens

    @property
    def shared_length(self) -> int:
        """Tokens that all questions of a canvas share."""
        return len(self.before_image) + self.image_tokens + len(self.after_image)

    def _mask(self, questions: int) -> Tensor:
        """Additive attention mask, shape (1, 1, length, length)."""
        shared, own = self.shared_length, len(self.template) + 1
        question = torch.arange(questions).repeat_interleave(own)
        owner = torch.cat([torch.full((shared,), -1), question])
        seen = (owner[None, :] == -1) | (owner[None, :] == owner[:, None])
        seen &= torch.ones_like(seen).tril()
        hidden = torch.finfo(torch.float32).min
        return torch.zeros(seen.shape).masked_fill(~seen, hidden)[None, None]

    def _positions(self, questions: int) -> Tensor:
        shared, own = self.shared_length, len(self.template) + 1
        return torch.cat(
            [torch.arange(shared), torch.arange(shared, shared + own).repeat(questions)]
        )

    def states(self, model: Any, image: Tensor, own: Tensor, answers: Tensor) -> list[Tensor]:
        """The decoder's states at the questions' own words and their answers.

        Args:
            model: the LLaVA model.
            image: image tokens, shape (batch, image tokens, width).
            own: token numbers, shape (batch, questions, own words).
            answers: token numbers of the right answers, shape (batch, questions).

        Returns:
            Of the embeddings and of each layer, shape (batch, questions, own words + 1, width);
            the last one is normalised.
        """
        decoder = model.model.language_model
        batch, questions = answers.shape
        own = torch.cat([own, answers[..., None]], 2)
        embed = decoder.embed_tokens
        parts = [
            embed(self.before_image).expand(batch, -1, -1),
            image,
            embed(self.after_image).expand(batch, -1, -1),
            embed(own.flatten(1)),
        ]
        output = decoder(
            inputs_embeds=torch.cat(parts, 1),
            attention_mask=self._mask(questions).expand(batch, -1, -1, -1),
            position_ids=self._positions(questions).expand(batch, -1),
            use_cache=False,
            output_hidden_states=True,
        )
        return [
            states[:, self.shared_length :].unflatten(1, (questions, -1))
            for states in (*output.hidden_states[:-1], output.last_hidden_state)
        ]


class Packer(PackedSequence):
    """Questions of the spatial probe.

    Args:
        processor: the models' processor; it decides every token.
        sizes: sizes of the model.
    """

    def __init__(self, processor: Any, sizes: Architecture) -> None:
        tokenizer = processor.tokenizer
        image, yes, no = tokenizer.convert_tokens_to_ids([IMAGE, YES, NO])
        names = captions()
        prompts = [
            tokenizer(render(processor, name), add_special_tokens=False)["input_ids"]
            for name in names
        ]
        colour = tokenizer.convert_tokens_to_ids(split_caption(names[0])[0])
        super().__init__(prompts[0], image, colour, sizes)
        self.own = torch.tensor(prompts)[:, -len(self.template) :]
        self.caption_words = self.own[:, :2]
        self.answers = torch.tensor([no, yes])
        self.image_id: int = image
        self.end_id: int = tokenizer.eos_token_id

    def read(self, model: Any, image: Tensor, asked: Tensor, present: Tensor) -> Readings:
        """Asks questions about images that are already tokens.

        Args:
            model: the LLaVA model.
            image: image tokens, shape (batch, image tokens, width).
            asked: caption numbers, shape (batch, questions).
            present: the right answers, shape (batch, questions).
        """
        answers = self.answers[present.long()]
        states = self.states(model, image, self.own[asked], answers)
        last_word = self.caption_words.shape[1] - 1
        return Readings(
            answer=model.lm_head(states[-1][:, :, -2]),
            end=model.lm_head(states[-1][:, :, -1]),
            early_caption=states[1][:, :, last_word],
            late_caption=states[-1][:, :, last_word],
        )
