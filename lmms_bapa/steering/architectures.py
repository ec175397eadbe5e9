"""What differs between model families, as data: one row for each type that transformers knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints


@dataclass(frozen=True)
class Architecture:
    """The facts about one family.

    Attributes:
        status: ``proven`` by the test suite on a small random model; ``expected`` to work, since
            the model code has the common shape; or ``refused``.
        unit: what one entry of the vision encoder's output is: a whole ``image``, or a tile of a
            ``stack`` (the second axis of the pixels holds an image's tiles), or nothing to rely
            on, so that an image is a ``run`` of adjacent image tokens, or all those of a ``row``
            of the batch. ``first_n`` is the BaPA authors' rule for several images, for
            reproduction only: as many tokens as the row has image tokens, from the first one on.
        axes: position axes of the rotary embedding: 1, or more for M-RoPE (time, height, width).
        begin: the token that opens an image of several runs (tiles): its id, the name of an
            attribute of the configuration, or its text.
        last: the token right before the last tile of an image, named as ``begin`` is.
        unclear: the token that may stand between tiles and between images alike, named as
            ``begin`` is; prompts in which it alone parts two runs are refused.
        deaf: the decoder's layer types that do not use positions.
        heard: where layer types do not tell, the decoder configuration's list that has a zero for
            each layer that does not use positions.
        whole: whether the rotary embedding is given the positions of cached tokens, too.
        layered: whether each decoder layer has one hidden state for each token, so that methods
            that act on the inputs of layers can be used.
        video: whether videos can be steered: each is one run of tokens, with a ``video_grid_thw``.
        image_token: the image token's id, where the configuration does not name it.
        since: the oldest version of transformers in which the family has the shape described here,
            where older ones that have it have another.
        note: why it is refused or only expected, or what else a user should know.
    """

    status: Literal["proven", "expected", "refused"] = "expected"
    unit: Literal["image", "stack", "run", "row", "first_n"] = "run"
    axes: int = 1
    begin: str | int | None = None
    last: str | int | None = None
    unclear: str | int | None = None
    deaf: tuple[str, ...] = ()
    heard: str | None = None
    whole: bool = False
    layered: bool = True
    video: bool = False
    image_token: int | None = None
    since: str = "0"
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("status", "unit"):
            known = get_args(get_type_hints(Architecture)[name])
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}")
        markers = [name for name in ("begin", "last") if getattr(self, name) is not None]
        if markers and self.unit != "run":
            raise ValueError(f"{markers[0]} has an effect with unit=run only, not {self.unit}")
        if len(markers) > 1:
            raise ValueError("give one of begin and last")

    def describe(self) -> str:
        """What counts as one image."""
        if self.unit in ("image", "stack"):
            return "what the vision encoder says"
        if self.unit == "row":
            return "all image tokens of a prompt"
        if self.unit == "first_n":
            return "a stretch as long as all images of a prompt"
        if self.begin is not None:
            return f"all tiles after one {self.begin}"
        if self.last is not None:
            return f"all tiles up to the one after {self.last}"
        return "a run of adjacent image tokens"


def _proven(**facts: object) -> Architecture:
    return Architecture(status="proven", **facts)  # type: ignore[arg-type]


def _refused(note: str) -> Architecture:
    return Architecture(status="refused", note=note)


_CROSS = "images enter through cross-attention, not through the token sequence"
_DEEPSTACK = "AGCI leaves the image features that enter deeper layers as they are"
_ENCODER_DECODER = "encoder-decoder, its image tokens never enter the decoder's sequence"
_OWN_GENERATE = "its generate() hands merged embeddings to the language model, past the hooks"
_DISTANCE = "no rotary position embedding, but a learned bias on the distance between tokens"
_SINUSOIDAL = "no rotary position embedding: sinusoidal ones are added to the token embeddings"

ARCHITECTURES: dict[str, Architecture] = {
    "aria": _proven(note="the markers of its chat template have to stand between pictures"),
    "aya_vision": _proven(begin="<|START_OF_IMG|>", deaf=("full_attention",)),
    "blip": _refused(_CROSS),
    "blip-2": _refused(_OWN_GENERATE),
    "chameleon": _refused(
        "its decoder merges the pictures itself, where their embeddings cannot be reached"
    ),
    "cohere2_vision": _proven(begin="<|START_OF_IMG|>", deaf=("full_attention",)),
    "cohere_compass": _proven(unit="image", axes=3, note=_DEEPSTACK),
    "cosmos3_edge": _proven(unit="image", axes=3),
    "cosmos3_omni": _proven(unit="image", axes=3, note=_DEEPSTACK),
    "deepseek_ocr2": _proven(unit="image"),
    "deepseek_vl": _proven(unit="image"),
    "deepseek_vl_hybrid": _proven(unit="image"),
    "diffusion_gemma": _refused(
        "text comes from a diffusion decoder, which has positions of its own"
    ),
    "dots3_note": _proven(unit="image"),
    "emu3": _proven(unit="image"),
    "ernie4_5_vl_moe": _proven(unit="image", axes=3),
    "evolla": _refused("reads proteins, not images, and through cross-attention"),
    "exaone4_5": _proven(unit="image", deaf=("full_attention",)),
    "fast_vlm": _proven(unit="image"),
    "florence2": _refused(_ENCODER_DECODER),
    "fuyu": _proven(unit="row"),
    "gemma3": _proven(unit="image"),
    "gemma3n": _proven(unit="image", layered=False),
    "gemma4": _proven(unit="image"),
    "gemma4_unified": _proven(unit="image"),
    "git": _refused("no image tokens in the prompt, and no rotary position embedding"),
    "glm46v": _proven(unit="image", axes=3),
    "glm4v": _proven(unit="image", axes=3),
    "glm4v_moe": _proven(unit="image", axes=3),
    "glm5_next": _refused("its decoder has no rotary position embedding"),
    "glm_ocr": _proven(unit="image", axes=3),
    "glmga": _proven(unit="image", axes=3),
    "got_ocr2": _proven(note="the pages of a multi-page prompt count as one image"),
    "granite4_vision": _refused(
        "its image features enter inside the decoder's layers, where AGCI does not reach them"
    ),
    "granite_docling": _proven(begin="<row_1_col_1>"),
    "hunyuan_vl": _proven(
        unit="image", axes=4, note="the stock model counts pictures on from row to row of a batch"
    ),
    "hyperclovax_vision_v2": _proven(unit="image"),
    "idefics": _refused(_CROSS),
    "idefics2": _proven(
        unclear="<fake_token_around_image>",
        note="load its processor with do_image_splitting=False and put text between pictures",
    ),
    "idefics3": _proven(last="<global-img>"),
    "inkling2": _refused(_DISTANCE),
    "inkling_mm_model": _refused(_DISTANCE),
    "instructblip": _refused(_OWN_GENERATE),
    "instructblipvideo": _refused(_OWN_GENERATE),
    "internvl": _proven(),
    "janus": _proven(unit="image"),
    "kimi_k25": _proven(unit="image", since="5.23"),
    "kosmos-2": _refused(_SINUSOIDAL),
    "kosmos-2.5": _refused(_SINUSOIDAL),
    "lfm2_vl": _proven(begin="<|image_start|>", deaf=("conv",)),
    "lfm3_vl": _proven(unit="image", deaf=("conv",)),
    "lighton_ocr": _proven(unit="image"),
    "llama4": _proven(begin="boi_token_index", deaf=("full_attention",)),
    "llava": _proven(unit="image"),
    "llava_next": _proven(unit="image"),
    "llava_next_video": _proven(unit="image"),
    "llava_onevision": _proven(unit="image"),
    "minicpm_ocr": _proven(begin="<image>", axes=3, deaf=("linear_attention",)),
    "minicpmv4_6": _proven(begin="<image>", axes=3, deaf=("linear_attention",)),
    "minicpmv4_7": _proven(begin="image_start_id", axes=3, deaf=("linear_attention",)),
    "minimax_m3_vl": _proven(
        unit="image", note="the stock model's sparse layers choose other blocks in a padded row"
    ),
    "mistral3": _proven(unit="image"),
    "mistral4": _refused("a language model without vision: steer the mistral3 model around it"),
    "mistral_large4": _proven(unit="image", heard="no_rope_layers"),
    "mllama": _refused(_CROSS),
    "molmo2": _proven(unit="image"),
    "muse_glimmer": _proven(unit="image", heard="layer_rope_theta"),
    "muse_spark": _proven(unit="image", heard="layer_rope_theta"),
    "nemotron_h_omni": _refused("no rotary position embedding: its Mamba layers keep the order"),
    "ovis2": _proven(begin="<IMG_START>"),
    "paddleocr_vl": _proven(unit="image", axes=3),
    "paligemma": _proven(unit="image"),
    "perception_lm": _proven(unit="stack"),
    "pi0": _refused("gives robot actions by flow matching, not text"),
    "pix2struct": _refused(_ENCODER_DECODER),
    "pp_chart2table": _proven(),
    "pp_formulanet": _refused(_ENCODER_DECODER),
    "qianfan_ocr": _proven(),
    "qwen2_5_omni_thinker": _proven(unit="image", axes=3),
    "qwen2_5_vl": _proven(unit="image", axes=3, video=True),
    "qwen2_vl": _proven(unit="image", axes=3, video=True),
    "qwen3_5": _proven(unit="image", axes=3, deaf=("linear_attention",)),
    "qwen3_5_moe": _proven(unit="image", axes=3, deaf=("linear_attention",)),
    "qwen3_omni_moe_thinker": _proven(unit="image", axes=3, note=_DEEPSTACK),
    "qwen3_vl": _proven(unit="image", axes=3, note=_DEEPSTACK),
    "qwen3_vl_moe": _proven(unit="image", axes=3, note=_DEEPSTACK),
    "qwen4_exp": _proven(unit="image", axes=3, deaf=("linear_attention",), whole=True),
    "shieldgemma2": _proven(unit="image"),
    "smolvlm": _proven(last="<global-img>"),
    "step3p7": _proven(unit="image"),
    "t5gemma2": _refused(_ENCODER_DECODER),
    "udop": _refused(_ENCODER_DECODER),
    "unlimited_ocr": _proven(
        unit="image", note="the stock model is wrong in padded rows once its window of text is full"
    ),
    "video_llama_3": _proven(unit="image"),
    "video_llava": _proven(unit="image"),
    "vipllava": _proven(unit="image"),
    "vision-encoder-decoder": _refused(_ENCODER_DECODER),
}


def row_of(kind: str) -> Architecture | None:
    """The row of a model type, which older versions of transformers may write with a hyphen."""
    return ARCHITECTURES.get(kind) or ARCHITECTURES.get(kind.replace("-", "_"))
