//! A recipe as a Python script for datatrove (Hugging Face), which runs the same filters on a cluster, by Slurm or Ray.
//!
//! It starts from a folder of JSONL with a field `text`, such as what `data clean --recipe raw` writes: extraction and
//! repair are ours. What datatrove has no counterpart for is named at the top of the script.

use crate::error::Result;
use crate::personal::Action;
use crate::recipe::Recipe;
use crate::rules::{C4Quality, FinewebQuality, GopherQuality, GopherRepetition, Rule};
use std::fmt::Write as _;

/// The script's text.
///
/// # Errors
/// The recipe breaks a rule.
pub fn datatrove(recipe: &Recipe) -> Result<String> {
    recipe.validate()?;
    let (mut filters, mut missing) = (Vec::new(), Vec::new());
    for rule in recipe.rules.iter().filter(|rule| recipe.is_on(rule)) {
        match filter(rule) {
            Some(filter) => filters.push(filter),
            None => missing.push(rule.name()),
        }
    }
    let duplicates = &recipe.duplicates;
    if duplicates.paragraphs.enabled {
        missing.push("repeated-paragraphs");
    }
    if !recipe.contamination.against.is_empty() {
        missing.push("contamination");
    }
    let near = &duplicates.near;
    let personal = &recipe.personal;
    let removes = |action: Action| if personal.enabled && action != Action::Keep { "True" } else { "False" };
    let mut notes = String::new();
    for name in &missing {
        writeln!(notes, "#   {name}").ok();
    }
    if notes.is_empty() {
        notes.push_str("#   (nothing)\n");
    }
    let script = TEMPLATE
        .replace("@NAME@", &recipe.name.replace(|character: char| !character.is_ascii_alphanumeric(), "-"))
        .replace("@MISSING@", notes.trim_end())
        .replace(
            "@FILTERS@",
            &filters.iter().map(|filter| format!("        {filter},\n")).collect::<String>(),
        )
        .replace("@NEAR@", if near.enabled { "True" } else { "False" })
        .replace("@WORDS@", &near.shingle_words.to_string())
        .replace("@BANDS@", &near.bands.to_string())
        .replace("@ROWS@", &near.rows.to_string())
        .replace("@EMAIL@", removes(personal.email))
        .replace("@ADDRESS@", removes(personal.ip_address))
        .replace("@PUBLIC@", if personal.private_addresses { "False" } else { "True" });
    Ok(script)
}

/// A rule as datatrove's filter; `None` where it has none.
fn filter(rule: &Rule) -> Option<String> {
    match rule {
        Rule::Language(language) => Some(format!("*language_filter({:?})", language.languages)),
        Rule::GopherRepetition(rule) => Some(gopher_repetition(rule)),
        Rule::GopherQuality(rule) => Some(gopher_quality(rule)),
        Rule::C4Quality(rule) => Some(c4_quality(rule)),
        Rule::FinewebQuality(rule) => Some(fineweb_quality(rule)),
        _ => None,
    }
}

/// A fraction that 1 switches off.
fn fraction(value: f64) -> String {
    if value >= 1.0 { "None".to_owned() } else { value.to_string() }
}

fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn gopher_repetition(rule: &GopherRepetition) -> String {
    format!(
        "GopherRepetitionFilter(dup_line_frac={}, dup_para_frac={}, dup_line_char_frac={}, dup_para_char_frac={}, \
         top_n_grams=((2, {}), (3, {}), (4, {})), dup_n_grams=((5, {}), (6, {}), (7, {}), (8, {}), (9, {}), (10, {})))",
        fraction(rule.duplicate_line_fraction),
        fraction(rule.duplicate_paragraph_fraction),
        fraction(rule.duplicate_line_character_fraction),
        fraction(rule.duplicate_paragraph_character_fraction),
        rule.top_2_gram,
        rule.top_3_gram,
        rule.top_4_gram,
        rule.duplicate_5_grams,
        rule.duplicate_6_grams,
        rule.duplicate_7_grams,
        rule.duplicate_8_grams,
        rule.duplicate_9_grams,
        rule.duplicate_10_grams,
    )
}

fn gopher_quality(rule: &GopherQuality) -> String {
    format!(
        "GopherQualityFilter(min_doc_words={}, max_doc_words={}, min_avg_word_length={}, max_avg_word_length={}, \
         max_symbol_word_ratio={}, max_bullet_lines_ratio={}, max_ellipsis_lines_ratio={}, max_non_alpha_words_ratio={}, \
         min_stop_words={})",
        rule.minimum_words,
        rule.maximum_words,
        rule.minimum_mean_word_length,
        rule.maximum_mean_word_length,
        rule.maximum_symbol_word_ratio,
        rule.maximum_bullet_line_fraction,
        rule.maximum_ellipsis_line_fraction,
        rule.minimum_alphabetic_word_fraction,
        rule.minimum_stop_words,
    )
}

fn c4_quality(rule: &C4Quality) -> String {
    format!(
        "C4QualityFilter(remove_citations={}, filter_no_terminal_punct={}, min_num_sentences={}, min_words_per_line={}, \
         max_word_length={}, filter_lorem_ipsum={}, filter_javascript={}, filter_curly_bracket={}, filter_policy={})",
        python(rule.remove_citations),
        python(rule.require_terminal_punctuation),
        rule.minimum_sentences,
        rule.minimum_words_per_line,
        rule.maximum_word_length,
        python(rule.drop_lorem_ipsum),
        python(rule.remove_javascript_lines),
        python(rule.drop_curly_brackets),
        python(rule.remove_policy_lines),
    )
}

fn fineweb_quality(rule: &FinewebQuality) -> String {
    format!(
        "FineWebQualityFilter(line_punct_thr={}, short_line_thr={}, short_line_length={}, char_duplicates_ratio={}, \
         new_line_ratio={})",
        rule.minimum_line_punctuation_fraction,
        rule.maximum_short_line_fraction,
        rule.short_line_length,
        rule.maximum_character_duplicate_fraction,
        rule.maximum_line_feed_word_ratio,
    )
}

const TEMPLATE: &str = r##"#!/usr/bin/env python3
"""The recipe "@NAME@" of Glasshouse as a datatrove pipeline.

    pip install "datatrove[processing]" spacy
    python script.py INPUT OUTPUT                       # here, on all cores
    python script.py INPUT OUTPUT --executor slurm --tasks 500 --partition cpu --time 10:00:00
    python script.py INPUT OUTPUT --executor ray --tasks 500

INPUT is a folder of JSONL files with a field "text" (`glasshouse data clean --recipe raw` writes one from any files);
OUTPUT gets `kept/` (gzipped JSONL), `dropped/` by filter, and what the duplicate search needs on its way.
"""
# Stages of the recipe that datatrove has no counterpart for:
@MISSING@
# Its words are spaCy's and its language filter is fastText's, so a few decisions near a threshold differ from Glasshouse's.
# It decides near duplicates by clusters of documents that agree in a band, without comparing them.

import argparse
import os

from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("input")
parser.add_argument("output")
parser.add_argument("--executor", choices=["local", "slurm", "ray"], default="local")
parser.add_argument("--tasks", type=int, default=os.cpu_count())
parser.add_argument("--workers", type=int, default=-1)
parser.add_argument("--partition", default="cpu", help="Slurm's partition")
parser.add_argument("--time", default="10:00:00", help="Slurm's time limit")
parser.add_argument("--without-language", action="store_true", help="leave the language filter out: it downloads a model")
parser.add_argument("--pattern", default="kept.jsonl", help="files of INPUT that are read")
arguments = parser.parse_args()

NEAR_DUPLICATES = @NEAR@
MINHASH = MinhashConfig(n_grams=@WORDS@, num_buckets=@BANDS@, hashes_per_bucket=@ROWS@)


def language_filter(languages):
    """fastText's language identification; its codes are ISO 639-1."""
    if arguments.without_language or not languages:
        return []
    codes = {"eng": "en", "deu": "de", "fra": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl", "rus": "ru"}
    return [LanguageFilter([codes.get(language, language) for language in languages])]


def executor(name, pipeline, tasks=arguments.tasks, depends=None):
    """A stage of the work on the chosen machine."""
    logs = os.path.join(arguments.output, "logs", name)
    if arguments.executor == "slurm":
        from datatrove.executor import SlurmPipelineExecutor

        return SlurmPipelineExecutor(
            pipeline,
            tasks=tasks,
            time=arguments.time,
            partition=arguments.partition,
            logging_dir=logs,
            job_name=f"@NAME@-{name}",
            depends=depends,
        )
    if arguments.executor == "ray":
        from datatrove.executor import RayPipelineExecutor

        return RayPipelineExecutor(pipeline, tasks=tasks, workers=arguments.workers, logging_dir=logs, depends=depends)
    from datatrove.executor import LocalPipelineExecutor

    return LocalPipelineExecutor(pipeline, tasks=tasks, workers=arguments.workers, logging_dir=logs, depends=depends)


def folder(name):
    return os.path.join(arguments.output, name)


def filters():
    """The recipe's rules, each with a folder for what it drops."""
    steps = [
@FILTERS@    ]
    for step in steps:
        step.exclusion_writer = JsonlWriter(folder(f"dropped/{type(step).__name__}"))
    return steps


def main():
    personal = PIIFormatter(remove_emails=@EMAIL@, remove_ips=@ADDRESS@, only_remove_public_ips=@PUBLIC@)
    read = JsonlReader(arguments.input, glob_pattern=arguments.pattern)
    if not NEAR_DUPLICATES:
        executor("filter", [read, *filters(), personal, JsonlWriter(folder("kept"))]).run()
        return
    first = executor("filter", [read, *filters(), JsonlWriter(folder("filtered"))])
    signatures = executor(
        "signatures",
        [JsonlReader(folder("filtered")), MinhashDedupSignature(folder("minhash/signatures"), config=MINHASH)],
        depends=first,
    )
    buckets = executor(
        "buckets",
        [MinhashDedupBuckets(folder("minhash/signatures"), folder("minhash/buckets"), config=MINHASH)],
        tasks=MINHASH.num_buckets,
        depends=signatures,
    )
    clusters = executor(
        "clusters",
        [MinhashDedupCluster(folder("minhash/buckets"), folder("minhash/remove"), config=MINHASH)],
        tasks=1,
        depends=buckets,
    )
    last = executor(
        "write",
        [
            JsonlReader(folder("filtered")),
            MinhashDedupFilter(folder("minhash/remove"), exclusion_writer=JsonlWriter(folder("dropped/near-duplicates"))),
            personal,
            JsonlWriter(folder("kept")),
        ],
        depends=clusters,
    )
    last.run()


if __name__ == "__main__":
    main()
"##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_reach_the_script_and_what_is_missing_is_named() {
        let mut recipe = Recipe::published("fineweb").unwrap();
        recipe.set_threshold("gopher-quality", "minimum_words", 77.0).unwrap();
        recipe.switch("length", true).unwrap();
        let script = datatrove(&recipe).unwrap();
        assert!(script.contains("min_doc_words=77,"));
        assert!(script.contains("filter_no_terminal_punct=False"));
        assert!(script.contains("#   length\n"));
        assert!(!script.contains('@'), "a place was left open");
        recipe.off = vec!["c4-quality".to_owned()];
        assert!(!datatrove(&recipe).unwrap().contains("C4QualityFilter(remove"));
    }
}
