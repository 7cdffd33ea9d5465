"""Encodes and decodes texts with Hugging Face's libraries, for tests/tests/tokenizer_python.rs to compare with.

usage: compare_tokenizer.py TOKENIZER_JSON TEXTS_JSON
TEXTS_JSON is a list of strings. Prints one JSON object: the library's version, and for each text its ids, tokens, decoded
text, and the ids that transformers' wrapper gives.

usage: compare_tokenizer.py --train VOCABULARY MIN_FREQUENCY TEXT_FILE
Trains a byte-level BPE without special tokens and prints its merges as a JSON list of pairs.
"""

import json
import sys

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


def compare(tokenizer_path, texts_path):
    from transformers import PreTrainedTokenizerFast

    with open(texts_path, encoding="utf-8") as file:
        texts = json.load(file)
    tokenizer = Tokenizer.from_file(tokenizer_path)
    wrapped = PreTrainedTokenizerFast(tokenizer_file=tokenizer_path, clean_up_tokenization_spaces=False)
    results = []
    for text in texts:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        results.append({
            "ids": encoding.ids,
            "tokens": encoding.tokens,
            "text": tokenizer.decode(encoding.ids, skip_special_tokens=False),
            "wrapped_ids": wrapped.encode(text, add_special_tokens=False),
            "wrapped_text": wrapped.decode(encoding.ids),
        })
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    print(json.dumps({"version": tokenizers.__version__, "vocabulary": size, "results": results}))


def train(vocabulary, min_frequency, text_path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    with open(text_path, encoding="utf-8", newline="") as file:
        tokenizer.train_from_iterator([file.read()], trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    print(json.dumps([pair if isinstance(pair, list) else pair.split(" ") for pair in merges]))


if sys.argv[1] == "--train":
    train(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    compare(sys.argv[1], sys.argv[2])
