"""datatrove's decisions on the same documents as ours, and a table of the differences.

  compare.py decide PRESET DOCUMENTS.jsonl > theirs.jsonl   its filters (fineweb, gopher, c4), one document at a time
  compare.py words DOCUMENTS.jsonl > words.jsonl            its words, to explain differences
  compare.py table OURS.jsonl THEIRS.jsonl                  agreement, and differences by the pair of decisions

A decision is {"id", "rule", "threshold", "text"}: `rule` is null for kept documents, `text` the remaining text.
The seconds spent in the filters are printed to standard error as a line of JSON. Needs the packages `datatrove` and `spacy`.
"""

import json
import re
import sys
import time
from collections import Counter

# Our name of each of its reasons.
REASONS = {
    "empty": "empty",
    "dup_para_frac": "duplicate_paragraph_fraction",
    "dup_para_char_frac": "duplicate_paragraph_character_fraction",
    "dup_line_frac": "duplicate_line_fraction",
    "dup_line_char_frac": "duplicate_line_character_fraction",
    "gopher_short_doc": "minimum_words",
    "gopher_long_doc": "maximum_words",
    "gopher_below_avg_threshold": "minimum_mean_word_length",
    "gopher_above_avg_threshold": "maximum_mean_word_length",
    "gopher_too_many_hashes": "maximum_symbol_word_ratio",
    "gopher_too_many_ellipsis": "maximum_symbol_word_ratio",
    "gopher_too_many_bullets": "maximum_bullet_line_fraction",
    "gopher_too_many_end_ellipsis": "maximum_ellipsis_line_fraction",
    "gopher_below_alpha_threshold": "minimum_alphabetic_word_fraction",
    "gopher_enough_stop_words": "minimum_stop_words",
    "lorem_ipsum": "drop_lorem_ipsum",
    "curly_bracket": "drop_curly_brackets",
    "too_few_sentences": "minimum_sentences",
    "line_punct_ratio": "minimum_line_punctuation_fraction",
    "short_line_ratio": "maximum_short_line_fraction",
    "char_dup_ratio": "maximum_character_duplicate_fraction",
    "list_ratio": "maximum_line_feed_word_ratio",
}


def documents(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def threshold(reason):
    if match := re.fullmatch(r"top_(\d+)_gram", reason):
        return f"top_{match[1]}_gram"
    if match := re.fullmatch(r"duplicated_(\d+)_n_grams", reason):
        return f"duplicate_{match[1]}_grams"
    return REASONS[reason]


def filters(preset):
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    repetition, quality = GopherRepetitionFilter(), GopherQualityFilter()
    lists = {
        "fineweb": [
            ("gopher-repetition", repetition),
            ("gopher-quality", quality),
            ("c4-quality", C4QualityFilter(filter_no_terminal_punct=False)),
            ("fineweb-quality", FineWebQualityFilter()),
        ],
        "gopher": [("gopher-quality", quality), ("gopher-repetition", repetition)],
        "c4": [("c4-quality", C4QualityFilter())],
    }
    return lists[preset]


def decide(preset, path):
    from datatrove.data import Document
    from datatrove.utils.text import split_into_words

    split_into_words("Loads the tokenizer before the clock starts.")
    steps, records = filters(preset), documents(path)
    start = time.perf_counter()
    decisions = []
    for record in records:
        document = Document(text=record["text"], id=record["id"])
        decision = {"id": document.id, "rule": None}
        for rule, step in steps:
            outcome = step.filter(document)
            if outcome is not True:
                decision |= {"rule": rule, "threshold": threshold(outcome[1])}
                break
        else:
            decision["text"] = document.text
        decisions.append(decision)
    seconds = time.perf_counter() - start
    size = sum(len(record["text"].encode()) for record in records)
    for decision in decisions:
        print(json.dumps(decision, ensure_ascii=False))
    print(json.dumps({"bytes": size, "seconds": seconds, "mb_per_second": size / seconds / 1e6}), file=sys.stderr)


def words(path):
    from datatrove.utils.text import split_into_words

    for record in documents(path):
        print(json.dumps({"id": record["id"], "words": split_into_words(record["text"])}, ensure_ascii=False))


def table(ours_path, theirs_path):
    ours, theirs = documents(ours_path), documents(theirs_path)
    assert [one["id"] for one in ours] == [one["id"] for one in theirs], "the two files are of different documents"
    pairs, ids, same_text, kept = Counter(), {}, 0, 0
    for one, other in zip(ours, theirs):
        pair = tuple(f"{d['rule']}/{d['threshold']}" if d["rule"] else "kept" for d in (one, other))
        pairs[pair] += 1
        ids.setdefault(pair, one["id"])
        if pair == ("kept", "kept"):
            kept += 1
            same_text += one.get("text") in (None, other["text"])
    total = len(ours)
    equal = sum(count for pair, count in pairs.items() if pair[0] == pair[1])
    fate = sum(count for pair, count in pairs.items() if (pair[0] == "kept") == (pair[1] == "kept"))
    print(f"{total} documents; kept or dropped alike: {fate} ({100 * fate / total:.3f} %); with the same rule and")
    print(f"threshold: {equal} ({100 * equal / total:.3f} %); text left alike: {same_text} of {kept} that both keep")
    for pair, count in pairs.most_common():
        if pair[0] != pair[1]:
            print(f"{count:7}  ours {pair[0]:50} theirs {pair[1]:50} as {ids[pair]}")
    print("both alike: " + ", ".join(f"{pair[0]} {count}" for pair, count in pairs.most_common() if pair[0] == pair[1]))


if __name__ == "__main__":
    commands = {"decide": decide, "words": words, "table": table}
    commands[sys.argv[1]](*sys.argv[2:])
