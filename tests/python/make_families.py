#!/usr/bin/env python3
"""Writes a tiny random model of each family that can be imported, as Hugging Face transformers saves it, and what it computes.

    python make_families.py DIR
    python make_families.py --check DIR

Makes DIR/NAME/ for each, with `config.json`, safetensors (in shards, f16 and bfloat16 for some), `tokenizer.json` and
`expected.json`: `ids` (38 tokens), `logits` ([T][V], float32), `texts` (each with its ids). A model of one block with experts has DIR/NAME/gradient/,
the gradient of the loss of these tokens as weights. With --check, opens each DIR/NAME/out and prints
one JSON object: by NAME, the class that opened it and the most that its logits differ from the expected ones.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402
from transformers.utils import logging  # noqa: E402

CORPUS = [
    "The ferry crossed the sound twice a day, and nobody on the pier looked up.",
    "Übermorgen gibt es Äpfel, sagt Zoë: 3,50 € das Kilo!",
    "def area(radius):\n    return 3.14159 * radius ** 2  # not exact\n",
    "Ein Satz, ein Punkt. Noch einer? Ja -- und dann Schluss.",
] * 4
TEXTS = ["The ferry crossed", "  two  spaces\n\nand lines", "Zoë's 3,50 €", "naïve 日本 🙂 tail", "<s>not special?</s>", ""]
LLAMA = dict(
    vocab_size=320,
    hidden_size=32,
    intermediate_size=56,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    initializer_range=0.3,
)
LLAMA3 = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=1e4)
LONGROPE = dict(rope_type="longrope", short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 2.5, 4.0], partial_rotary_factor=0.75, rope_theta=1e4)
GRANITE = dict(attention_multiplier=0.2, embedding_multiplier=3.0, residual_multiplier=0.5, logits_scaling=4.0)
PHI3 = {**LLAMA, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
GEMMA3 = {**LLAMA, "head_dim": 8, "sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"] * 2, "query_pre_attn_scalar": 12}
GEMMA2 = {**GEMMA3, "layer_types": None, "attn_logit_softcapping": 2.0}
QWEN3_MOE = {**LLAMA, "head_dim": 16, "moe_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2}
# Over several blocks, the class takes the shares of all of them together; ours is a mean over the blocks.
ONE_BLOCK = dict(num_hidden_layers=1, router_aux_loss_coef=0.5)
NEOX = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
FAMILIES = {
    "gpt2": ("GPT2", dict(vocab_size=320, n_embd=32, n_layer=3, n_head=4, n_positions=64, initializer_range=0.3)),
    "llama2": ("Llama", {**LLAMA, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}),
    "llama3": ("Llama", {**LLAMA, "head_dim": 12, "mlp_bias": True, "rope_parameters": {**LLAMA3, "rope_theta": 5e5}}),
    "mistral": ("Mistral", {**LLAMA, "sliding_window": 7}),
    "ministral": ("Ministral", {**LLAMA, "head_dim": 8, "sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"] * 2}),
    "qwen2-window": ("Qwen2", {**LLAMA, "use_sliding_window": True, "sliding_window": 7, "max_window_layers": 2}),
    "qwen2": ("Qwen2", {**LLAMA, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {**LLAMA, "head_dim": 16}),
    "smollm3": ("SmolLM3", {**LLAMA, "pad_token_id": 0}),
    "gemma": ("Gemma", {**LLAMA, "head_dim": 8}),
    "pythia": ("GPTNeoX", {**NEOX, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.25}}),
    "neox-sequential": ("GPTNeoX", {**NEOX, "use_parallel_residual": False, "attention_bias": False}),
    "phi": ("Phi", LLAMA),
    "phi3": ("Phi3", {**PHI3, "sliding_window": 20}),
    "phi3-longrope": ("Phi3", {**PHI3, "original_max_position_embeddings": 16, "rope_parameters": LONGROPE}),
    "granite": ("Granite", {**LLAMA, **GRANITE, "mlp_bias": True}),
    "olmo2": ("Olmo2", {**LLAMA, "num_key_value_heads": 4}),
    "olmo2-grouped": ("Olmo2", {**LLAMA, "rope_parameters": {**YARN, "beta_fast": 4.0}}),
    "llama-dynamic": ("Llama", {**LLAMA, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}),
    "gemma2": ("Gemma2", GEMMA2),
    "gemma2-uncapped": ("Gemma2", {**GEMMA2, "attn_logit_softcapping": None, "final_logit_softcapping": None, "tie_word_embeddings": False}),
    "gemma3": (
        "Gemma3Text",
        {
            **GEMMA3,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        },
    ),
    "olmo3": ("Olmo3", {**LLAMA, "sliding_window": 7, "rope_parameters": {"full_attention": YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
    "olmo3-plain": ("Olmo3", {**LLAMA, "num_key_value_heads": 4, "sliding_window": 7}),
    "starcoder2": ("Starcoder2", {**LLAMA, "sliding_window": 7}),
    "starcoder2-free": ("Starcoder2", {**LLAMA, "use_bias": False, "tie_word_embeddings": False, "hidden_act": "gelu"}),
    "stablelm": ("StableLm", {**LLAMA, "use_qkv_bias": True}),
    "stablelm-parallel": ("StableLm", {**LLAMA, "use_parallel_residual": True, "partial_rotary_factor": 0.75}),
    "mixtral": ("Mixtral", {**LLAMA, "num_local_experts": 5, "num_experts_per_tok": 2}),
    "qwen3_moe": ("Qwen3Moe", {**QWEN3_MOE, "norm_topk_prob": True}),
    "mixtral-block": ("Mixtral", {**LLAMA, **ONE_BLOCK, "num_local_experts": 4, "num_experts_per_tok": 3}),
    "qwen3_moe-block": ("Qwen3Moe", {**QWEN3_MOE, **ONE_BLOCK, "use_sliding_window": True, "sliding_window": 7}),
    "gpt_neo": (
        "GPTNeo",
        dict(
            vocab_size=320,
            hidden_size=32,
            num_layers=4,
            num_heads=4,
            max_position_embeddings=64,
            window_size=7,
            attention_types=[[["global", "local"], 2]],
            initializer_range=0.3,
        ),
    ),
}


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=310, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    )
    return tokenizer, dict(eos_token="<|endoftext|>", bos_token="<|endoftext|>")


def sentence_piece():
    """As Llama 2's: spaces are marks, unknown characters become bytes, a text begins with <s>."""
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=318, special_tokens=specials[:3] + specials[3:]))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return tokenizer, dict(unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def lower_word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[SEP]"]))
    return tokenizer, dict(unk_token="[UNK]", eos_token="[SEP]")


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=["<unk>", "</s>"], unk_token="<unk>")
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer, dict(unk_token="<unk>", eos_token="</s>")


TOKENIZERS = {"llama2": sentence_piece, "mistral": sentence_piece, "gemma": unigram, "phi": lower_word_piece}
# Gemma 3's norms come back bit for bit only from 16 bits: 1 is added to some.
SAVED = {"qwen2": torch.bfloat16, "pythia": torch.float16, "gemma3": torch.bfloat16}


def check(top):
    found = {}
    for folder in sorted(top.glob("*/out")):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        expected = json.loads((folder.parent / "expected.json").read_text())
        with torch.no_grad():
            logits = model(torch.tensor([expected["ids"]])).logits[0]
        worst = (logits - torch.tensor(expected["logits"])).abs().max().item()
        found[folder.parent.name] = {"class": type(model).__name__, "worst": worst}
    print(json.dumps(found))


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        return check(Path(sys.argv[2]))
    if len(sys.argv) != 2:
        return __doc__
    for number, (name, (kind, settings)) in enumerate(FAMILIES.items()):
        folder = Path(sys.argv[1]) / name
        torch.manual_seed(number)
        config = getattr(transformers, f"{kind}Config")(**settings)
        model = transformers.AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            # Norms and biases begin at ones and zeros, which would hide a mistake.
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
        model.to(SAVED.get(name, torch.float32))
        model.save_pretrained(folder, max_shard_size="40KB" if name == "llama3" else "5GB")
        tokenizer, special = TOKENIZERS.get(name, byte_level)()
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = torch.randint(0, settings["vocab_size"], (1, 38))
        # Read again: a model in f16 has its angles in f16 too.
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        with torch.no_grad():
            logits = model(ids).logits[0]
        expected = {
            "class": type(model).__name__,
            "ids": ids[0].tolist(),
            "logits": logits.tolist(),
            "texts": [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS],
        }
        (folder / "expected.json").write_text(json.dumps(expected))
        if "router_aux_loss_coef" in settings:
            out = model(ids[:, :-1], output_router_logits=True)
            loss = torch.nn.functional.cross_entropy(out.logits[0], ids[0, 1:])
            (loss + settings["router_aux_loss_coef"] * out.aux_loss).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.copy_(parameter.grad)
            model.save_pretrained(folder / "gradient")
            PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder / "gradient")


if __name__ == "__main__":
    sys.exit(main())
