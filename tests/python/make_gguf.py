#!/usr/bin/env python3
"""Writes tiny random models of transformers as GGUF files, with the `gguf` package, and what they compute.

    python make_gguf.py DIR

Makes DIR/NAME.gguf for each, and DIR/expected.json: by name `class` (that of transformers), `ids` (38 tokens), `logits` ([T][V], float32,
of the weights as they are stored), `texts` (each with its ids), `end` (the id that ends a text), `prompt` (the ids of "The" with what the
tokenizer puts before a text). Names of tensors are those that the package maps from transformers' names; queries and keys of `llama` and
`granite` are permuted, the weights of GPT-2 transposed, and 1 is added to the norms of Gemma 2 and 3, as llama.cpp's converter does.
"""

import json
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from make_families import GEMMA2, GEMMA3, GRANITE, LLAMA, LLAMA3, LONGROPE, PHI3, TEXTS, byte_level, sentence_piece  # noqa: E402
from transformers.utils import logging  # noqa: E402

TYPES = gguf.GGMLQuantizationType
WIDE = {**LLAMA, "hidden_size": 64, "intermediate_size": 96}
GPT2 = dict(vocab_size=320, n_embd=32, n_layer=3, n_head=4, n_positions=64, initializer_range=0.3)
MODELS = {
    # Name: class, settings, tokenizer, how matrices are stored.
    "gpt2": ("GPT2", GPT2, byte_level, TYPES.F32),
    "llama2": ("Llama", {**LLAMA, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}, sentence_piece, TYPES.F32),
    "llama3": ("Llama", {**LLAMA, "head_dim": 12, "mlp_bias": True, "rope_parameters": {**LLAMA3, "rope_theta": 5e5}}, byte_level, TYPES.F32),
    "llama-f16": ("Llama", {**LLAMA, "tie_word_embeddings": True}, byte_level, TYPES.F16),
    "llama-q4_1": ("Llama", WIDE, byte_level, TYPES.Q4_1),
    "qwen2": ("Qwen2", {**LLAMA, "tie_word_embeddings": True}, byte_level, TYPES.BF16),
    "qwen3": ("Qwen3", {**LLAMA, "head_dim": 16}, byte_level, TYPES.F32),
    "qwen3-q8_0": ("Qwen3", {**WIDE, "head_dim": 16}, byte_level, TYPES.Q8_0),
    "phi3": ("Phi3", PHI3, sentence_piece, TYPES.F32),
    "phi3-longrope": ("Phi3", {**PHI3, "original_max_position_embeddings": 16, "rope_parameters": LONGROPE}, byte_level, TYPES.F32),
    "granite": ("Granite", {**LLAMA, **GRANITE, "tie_word_embeddings": True}, byte_level, TYPES.F32),
    "olmo2": ("Olmo2", LLAMA, byte_level, TYPES.F16),
    # Their patterns of windows are fixed, and queries are scaled by the head size.
    "gemma2": ("Gemma2", {**GEMMA2, "query_pre_attn_scalar": 8}, byte_level, TYPES.F32),
    "gemma3": ("Gemma3Text", {**GEMMA3, "num_hidden_layers": 7, "layer_types": None, "query_pre_attn_scalar": 8}, byte_level, TYPES.F32),
}
ARCHITECTURES = {
    "GPT2": gguf.MODEL_ARCH.GPT2,
    "Llama": gguf.MODEL_ARCH.LLAMA,
    "Qwen2": gguf.MODEL_ARCH.QWEN2,
    "Qwen3": gguf.MODEL_ARCH.QWEN3,
    "Phi3": gguf.MODEL_ARCH.PHI3,
    "Granite": gguf.MODEL_ARCH.GRANITE,
    "Olmo2": gguf.MODEL_ARCH.OLMO2,
    "Gemma2": gguf.MODEL_ARCH.GEMMA2,
    "Gemma3Text": gguf.MODEL_ARCH.GEMMA3,
}


def permuted(weights, heads):
    """Channels that turn together side by side, as `LlamaModel.permute` of the converter has it."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def settings(writer, config):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(size)
    writer.add_value_length(size)
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    writer.add_rope_dimension_count(int(size * rope.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if config.model_type == "phi3":
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        writer.add_sliding_window(config.sliding_window or 0)
    if rope["rope_type"] == "longrope":
        old = rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(config.max_position_embeddings / old) / math.log(old)))
    if config.model_type == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if config.model_type in ("gemma2", "gemma3_text"):
        writer.add_sliding_window(config.sliding_window)
    if config.model_type == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def angles(config):
    """`rope_freqs.weight`, as `LlamaModel.generate_extra_tensors` of the converter has it."""
    rope, size = config.rope_parameters, config.head_dim
    low, high, factor, old = (rope[key] for key in ("low_freq_factor", "high_freq_factor", "factor", "original_max_position_embeddings"))
    factors = []
    for frequency in 1.0 / (rope["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size)):
        wave = 2 * torch.pi / frequency
        if wave < old / high:
            factors.append(1.0)
        elif wave > old / low:
            factors.append(factor)
        else:
            smooth = (old / wave - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def vocabulary(writer, tokenizer, special, rows):
    state = json.loads(tokenizer.to_str())
    added = {token["content"] for token in state["added_tokens"]}
    ids = {id: token for token, id in tokenizer.get_vocab().items()}
    tokens = [ids.get(id, f"[PAD{id}]") for id in range(rows)]
    sentence = "unk_token" in special
    kinds = gguf.TokenType

    def kind(id, token):
        if id not in ids:
            return kinds.UNUSED
        if token in added:
            return kinds.UNKNOWN if token == "<unk>" else kinds.CONTROL
        return kinds.BYTE if sentence and token.startswith("<0x") else kinds.NORMAL

    merges = [" ".join(merge) for merge in state["model"]["merges"]]
    writer.add_tokenizer_model("llama" if sentence else "gpt2")
    writer.add_tokenizer_pre("default" if sentence else "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([kind(id, token) for id, token in enumerate(tokens)])
    if sentence:
        # What is merged first scores highest; all else is made by no merge.
        ranks = {}
        for rank, merge in enumerate(merges):
            ranks.setdefault(merge.replace(" ", ""), rank)
        writer.add_token_scores([-1.0 - ranks[token] if token in ranks else -1e4 for token in tokens])
        writer.add_unk_token_id(tokens.index("<unk>"))
    else:
        writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index(special["bos_token"]))
    writer.add_eos_token_id(tokens.index(special["eos_token"]))
    writer.add_add_bos_token(sentence)
    return tokens.index(special["eos_token"])


def write(path, model, config, kind, stored, tokenizer, special):
    architecture = ARCHITECTURES[kind]
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    settings(writer, config)
    end = vocabulary(writer, tokenizer, special, config.vocab_size)
    if kind == "Llama" and config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", angles(config))
    if kind == "Phi3" and config.rope_parameters["rope_type"] == "longrope":
        for length in ("long", "short"):
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(config.rope_parameters[f"{length}_factor"], np.float32))
    turned = kind in ("Llama", "Granite")
    weights = model.state_dict()
    for name, tensor in weights.items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        entries = tensor.numpy()
        linear = kind == "GPT2" and entries.ndim == 2 and ".h." in name
        entries = entries.T if linear else entries
        heads = {"q_proj": config.num_attention_heads, "k_proj": getattr(config, "num_key_value_heads", None)}.get(name.split(".")[-2])
        if turned and heads:
            entries = permuted(entries, heads)
        if kind in ("Gemma2", "Gemma3Text") and name.endswith("norm.weight"):
            entries = entries + 1
        entries = np.ascontiguousarray(entries)
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if entries.ndim < 2 or theirs == "position_embd.weight":
            writer.add_tensor(theirs, entries)
            continue
        blocks = gguf.quants.quantize(entries, stored)
        writer.add_tensor(theirs, blocks, raw_dtype=stored)
        # The model becomes what is stored.
        entries = gguf.quants.dequantize(blocks, stored).astype(np.float32).reshape(entries.shape)
        if turned and heads:
            entries = entries.reshape(heads, entries.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(entries.shape)
        with torch.no_grad():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(entries.T if linear else entries)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return end


def main():
    if len(sys.argv) != 2:
        return __doc__
    logging.set_verbosity_error()
    folder = Path(sys.argv[1])
    expected = {}
    for number, (name, (kind, values, make, stored)) in enumerate(MODELS.items()):
        torch.manual_seed(number)
        config = getattr(transformers, f"{kind}Config")(**values)
        model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
        with torch.no_grad():
            # Norms and biases begin at ones and zeros, which would hide a mistake.
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
        tokenizer, special = make()
        end = write(folder / f"{name}.gguf", model, config, kind, stored, tokenizer, special)
        ids = torch.randint(0, config.vocab_size, (1, 38))
        with torch.no_grad():
            logits = model(ids).logits[0]
        expected[name] = {
            "class": type(model).__name__,
            "ids": ids[0].tolist(),
            "logits": logits.tolist(),
            "texts": [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS],
            "end": end,
            "prompt": tokenizer.encode("The", add_special_tokens=True).ids,
        }
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    sys.exit(main())
