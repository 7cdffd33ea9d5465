#!/usr/bin/env python3
"""Computes task metrics with the packages that define them.

    python metrics.py CASES

CASES has a JSON object a line, whose `kind` says what it holds (tests/tests/metrics.rs makes it). Prints one JSON object: `packages`, the
versions, and `cases`, each with its numbers and its texts, in the order in which the test has them.
"""

import json
import logging
import sys
import warnings
from functools import partial
from importlib.metadata import version

import torch
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from seqeval.metrics import classification_report as entity_report
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as entity_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn
from torchmetrics.functional.classification.calibration_error import _ce_compute
from torchmetrics.functional.text import squad

PACKAGES = ["rouge-score", "sacrebleu", "scikit-learn", "seqeval", "torchmetrics"]
ROUGE = ["rouge1", "rouge2", "rougeL"]
AVERAGES = ["micro", "macro", "weighted"]
SCORERS = [rouge_scorer.RougeScorer(ROUGE, use_stemmer=stemmer) for stemmer in (False, True)]


def answer(case):
    """Exact match, F1, and ROUGE without and with stems: precision, recall and F1 of each sort."""
    expected = case["expected"]
    found = squad(
        {"prediction_text": case["answer"], "id": "0"},
        {"answers": {"answer_start": [0] * len(expected), "text": expected}, "id": "0"},
    )
    numbers = [float(found["exact_match"]) / 100, float(found["f1"]) / 100]
    for scorer in SCORERS if case["rouge"] else []:
        scores = scorer.score_multi(expected, case["answer"])
        numbers += [number for sort in ROUGE for number in scores[sort]]
    return numbers, []


def corpus(case):
    """BLEU and chrF, what BLEU is made of, and the signature of each."""
    answers = [row["answer"] for row in case["rows"]]
    most = max(len(row["expected"]) for row in case["rows"])
    padded = [row["expected"] + [None] * (most - len(row["expected"])) for row in case["rows"]]
    references = list(zip(*padded))
    bleu, chrf = BLEU(), CHRF()
    score, characters = (metric.corpus_score(answers, references) for metric in (bleu, chrf))
    numbers = [score.score, characters.score, score.sys_len, score.ref_len, *score.counts, *score.totals]
    return numbers, [str(metric.get_signature()) for metric in (bleu, chrf)]


def labels(case):
    """Accuracy, precision, recall and F1 by average and by label, the confusion matrix; the report."""
    expected, answered = zip(*case["pairs"])
    scores = sklearn.precision_recall_fscore_support
    numbers = [sklearn.accuracy_score(expected, answered)]
    for average in AVERAGES:
        numbers += scores(expected, answered, average=average)[:3]
    by_label = scores(expected, answered, average=None)
    numbers += [number for label in zip(*by_label) for number in label]
    numbers += sklearn.confusion_matrix(expected, answered).flatten().tolist()
    return numbers, [sklearn.classification_report(expected, answered)]


def tags(case):
    """Precision, recall and F1 of entities by average and by type; the report. What seqeval has no value for is left out."""
    expected, answered = ([row[side] for row in case["rows"]] for side in (0, 1))
    if case["strict"]:
        scores, settings = partial(strict_scores, scheme=IOB2), {"mode": "strict", "scheme": IOB2}
    else:
        scores, settings = entity_scores, {}
    by_type = scores(expected, answered, average=None)
    if len(by_type[0]) == 0:
        return [], []
    numbers = [number for average in AVERAGES for number in scores(expected, answered, average=average)[:3]]
    numbers += [number for label in zip(*by_type) for number in label]
    return numbers, [entity_report(expected, answered, **settings)]


def confidences(case):
    """Expected calibration error of 15 bins: torchmetrics' own sum, in 64 bits."""
    sure, right = zip(*case["values"])
    return [float(_ce_compute(torch.tensor(sure), torch.tensor(right), 15))], []


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_default_dtype(torch.float64)
    kinds = {"answer": answer, "corpus": corpus, "labels": labels, "tags": tags, "confidences": confidences}
    found = []
    with open(sys.argv[1], encoding="utf-8") as cases:
        for line in cases:
            case = json.loads(line)
            numbers, texts = kinds[case["kind"]](case)
            found.append({"case": case, "numbers": [float(number) for number in numbers], "texts": texts})
    packages = json.dumps({name: version(name) for name in PACKAGES})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in found)
    print(f'{{"packages": {packages},\n"cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
