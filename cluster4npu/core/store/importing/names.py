"""The names of devices, chips, families of models and precisions, as other people write them."""

from __future__ import annotations

import re
from functools import lru_cache

from cluster4npu.core.store.importing.words import words

DEVICES = {
    "cpu", "cuda", "gpu", "rocm", "mps", "openvino", "webgpu", "webnn", "qnn", "qualcomm", "tpu", "npu", "ane",
    "coreml", "tensorrt", "trt", "directml", "dml", "xpu", "vulkan", "metal", "hailo", "edgetpu", "coral", "igpu",
    "dgpu", "dla", "hexagon", "neuron", "gaudi", "ipu", "wasm", "mlu", "hip", "opencl", "dsp", "samsung", "mediatek",
    "kl520", "kl720", "nnapi", "xnnpack", "webgl", "hailo8", "hailo8l", "hailo15", "rknn", "ethos", "snpe", "cann",
    "ascend",
}  # fmt: skip
PROGRAMS = {
    "openvino",
    "tensorrt",
    "trt",
    "qnn",
    "snpe",
    "xnnpack",
    "nnapi",
    "onnx",
}  # that drive several devices
_CHIPS = re.compile(
    r"(?:nvidia|geforce|quadro|tesla|jetson|agx|xavier|raspberry|rpi|radeon|adreno|mali|snapdragon|exynos|dimensity|kirin"
    r"|tegra|xeon|epyc|ryzen|threadripper|graviton|apple|iphone|ipad|macbook|pixel|myriad|movidius|kneron|rockchip"
    r"|neural.?engine|iris.?xe|uhd.?graphics)|(?:agx.?)?orin|[rg]tx.?\d|rk3\d{3}|[ahb][123]00|l40s?|[tl]4|v100|a10g?|mi\d{3}x?"
    r"|core.i[3579]|i[3579]-\d|m[1-5](?:.(?:pro|max|ultra))?$|kl\d{3}"
)
_FAMILIES = re.compile(
    r"(?:distil|ro|al|deit|mobile|tiny)?bert|vit(?![a-z])|deit|resne[tx]t?|yolo|t5(?![a-z])|mt5|gpt|llama|llava|whisper|wav2vec|clip"
    r"|clap|mobilenet|efficientnet|squeezenet|densenet|inception|vgg|swin|dino|detr|qwen|mistral|mixtral|phi-?\d|gemma"
    r"|opt-\d|bloom|falcon|bart(?![a-z])|electra|deberta|xlm|segformer|sam(?![a-z])|unet|convnext|alexnet|ssd|fasterrcnn"
    r"|stable.?diffusion|hubert|bge|minilm|retinanet|googlenet|shufflenet|mnasnet|regnet|nasnet|xception|lenet|posenet"
    r"|movenet|blaze(?:face|pose)|dlrm|rnn-?t|3d-?unet|mask-?_?rcnn|centernet|hrnet|deeplab|pspnet|bisenet|esrgan|sdxl"
    r"|roformer|mamba|rwkv|starcoder|deepseek|internlm|chatglm|smollm|minicpm|moondream|florence-|siglip|beit|ghostnet"
    r"|darknet|efficientdet|nanodet|picodet|pp-?yolo|rtmdet|rt-?detr|midas|superpoint|lightglue|arcface|facenet|crnn|trocr|silero"
    r"|conformer|tacotron|fastspeech|command-r|granite|olmo|falcon"
)
PRECISIONS = {
    "float32": "fp32", "fp32": "fp32", "f32": "fp32", "float16": "fp16", "fp16": "fp16", "f16": "fp16", "half": "fp16",
    "bfloat16": "bf16", "bf16": "bf16", "int8": "int8", "i8": "int8", "w8a8": "int8", "int4": "int4", "uint8": "uint8",
    "fp8": "fp8", "int16": "int16", "fp64": "fp64", "float64": "fp64", "mixed": "mixed",
}  # fmt: skip


@lru_cache(maxsize=20_000)
def family_of(name: str) -> str:
    """Return the family of models that a name begins with ("bert" of "bert-base"), "" for none known."""
    found = _FAMILIES.match(name.lower().rpartition("/")[2])
    return found[0] if found else ""


def device_word(word: str) -> str:
    """Return the kind of device that a word is, also with its number ("npu" of "npu0"); "" for none."""
    lowered = word.lower()
    plain = lowered.rstrip("0123456789")
    return lowered if lowered in DEVICES else plain if plain in DEVICES else ""


@lru_cache(maxsize=20_000)
def base_device(name: str) -> str:
    """Return the kind of device that a name tells ("cuda" of "cuda:0"), or the name in lower case."""
    return next((kind for part in words(name) if (kind := device_word(part))), name.lower())


def is_chip(name: str) -> bool:
    """Tell whether a name is that of a processor, card or board: `orin-nano`, `rtx4090`, `M2 Pro`."""
    found = _CHIPS.match(name.lower().strip())
    return found is not None and (len(found[0]) > 4 or not name.strip()[found.end() :][:1].isalpha())


def is_accelerator(name: str) -> bool:
    """Tell whether a chip's name is that of a card that computes, and no processor's or whole machine's."""
    return is_chip(name) and not re.search(
        r"xeon|epyc|ryzen|core|threadripper|apple|macbook|iphone|ipad", name.lower()
    )
