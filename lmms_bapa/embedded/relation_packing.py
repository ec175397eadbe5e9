"""Many relation questions about one canvas in one sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lmms_bapa.embedded.language import render_text
from lmms_bapa.embedded.packing import PackedSequence, Packer
from lmms_bapa.embedded.recipe import Architecture
from lmms_bapa.probes.relations import RELATIONS, question_text
from lmms_bapa.probes.vocabulary import captions, split_caption


class RelationPacker(PackedSequence):
    """Questions of the relation probe.

    Args:
        processor: the processor of a model that knows relations.
        sizes: sizes of the model.
        packer: the same model's questions of the spatial probe.

    Attributes:
        subject_word: where the subject's last word stands among the question's own words.
        reference_word: where the reference's last word stands.
    """

    def __init__(self, processor: Any, sizes: Architecture, packer: Packer) -> None:
        tokenizer = processor.tokenizer
        names = captions()
        subject, reference = names[0], names[-1]
        text = render_text(processor, question_text(subject, next(iter(RELATIONS)), reference))
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        first = tokenizer.convert_tokens_to_ids(split_caption(subject)[0])
        super().__init__(prompt, packer.image_id, first, sizes)
        words = [relation.words for relation in RELATIONS.values()]
        self.caption_words = packer.caption_words
        self.relation_words = torch.tensor(tokenizer.convert_tokens_to_ids(words))
        length = self.caption_words.shape[1]
        last = tokenizer.convert_tokens_to_ids(split_caption(reference)[1])
        self.subject_word = length - 1
        self.reference_word = self.template.tolist().index(last)

    def own_words(self, subject: Tensor, relation: Tensor, reference: Tensor) -> Tensor:
        """Token numbers of questions, shape (..., own words).

        Args:
            subject: caption numbers, any shape.
            relation: numbers of relations, the same shape.
            reference: caption numbers, the same shape.
        """
        length = self.caption_words.shape[1]
        own = self.template.expand(*subject.shape, -1).clone()
        own[..., :length] = self.caption_words[subject]
        own[..., length] = self.relation_words[relation]
        end = self.reference_word + 1
        own[..., end - length : end] = self.caption_words[reference]
        return own
