//! Names and numbers as the card has them.

use glasshouse_protocol::quantity::whole;

/// What every metric of a report is called.
const TITLES: &[(&str, &str)] = &[
    ("loss", "Loss in nats per token"),
    ("perplexity", "Perplexity"),
    ("bits_per_byte", "Bits per byte"),
    ("token_accuracy", "Next token right"),
    ("top_5_accuracy", "Among the five likeliest"),
    ("repetition", "Repetition (4-grams seen before)"),
    ("repetition_of_text", "Repetition of the held-out text"),
    ("distinct_2", "Distinct bigrams"),
    ("distinct_2_of_text", "Distinct bigrams of the held-out text"),
    ("ece", "Expected calibration error"),
    ("expected_calibration_error", "Expected calibration error"),
    ("exact", "Exact match"),
    ("f1", "Token F1"),
    ("bleu", "BLEU"),
    ("chrf", "chrF"),
    ("rouge_1", "ROUGE-1"),
    ("rouge_2", "ROUGE-2"),
    ("rouge_l", "ROUGE-L"),
    ("pass_rate", "Share that passes the rule"),
    ("score", "Mean score by the rule"),
    ("accuracy", "Accuracy"),
    ("accuracy_per_character", "Accuracy per character"),
    ("accuracy_normalised", "Accuracy, normalised"),
    ("macro_f1", "Macro F1"),
    ("micro_f1", "Micro F1"),
    ("weighted_f1", "Weighted F1"),
    ("entity_f1", "Entity F1"),
    ("entity_f1_strict", "Entity F1, strict IOB2"),
    ("accuracy_amb", "Accuracy, ambiguous"),
    ("accuracy_disamb", "Accuracy, disambiguated"),
    ("amb_bias_score", "Bias score, ambiguous"),
    ("disamb_bias_score", "Bias score, disambiguated"),
    ("mc2", "MC2 (probability of what is true)"),
    ("lms", "Language modelling score"),
    ("ss", "Stereotype score"),
    ("icat", "Idealised CAT score"),
    ("stereotyped_likelier", "Stereotyped sentence likelier"),
    ("difference_nats", "Difference in nats"),
    ("texts_with_findings", "Texts with findings"),
    ("training_documents_with_findings", "Training documents with findings"),
    ("share", "Share"),
    ("extractable", "Passages written exactly from memory"),
    ("extractable_held_out", "Held-out passages written exactly"),
    ("near_exact", "Passages written nearly from memory"),
    ("near_exact_held_out", "Held-out passages written nearly"),
    ("edit_similarity", "Edit similarity"),
    ("edit_similarity_held_out", "Edit similarity of held-out passages"),
    ("exposure_bits", "Exposure in bits"),
    ("exposure_bits_not_planted", "Exposure in bits, not planted"),
    ("texts_with_personal_data", "Texts with personal data"),
    ("findings_in_training_text", "Findings that stand in the training text"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("false_alarm_rate", "Rate of false alarms"),
];

/// Whether a metric has a title of its own. Those of reports have.
pub fn is_titled(name: &str) -> bool {
    TITLES.iter().any(|(known, _)| *known == name)
}

/// What a metric is called: its name in words, where it is another's.
pub fn title(name: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == name) {
        return (*title).to_owned();
    }
    let spaced = shown(name).replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What was compared: a metric, or a task's name and one.
pub(super) fn compared(what: &str) -> String {
    match what.rsplit_once(": ") {
        Some((task, metric)) => format!("{}: {}", shown(task), title(metric)),
        None => title(what),
    }
}

/// A number with about four significant digits: `0.8123`, `12.35`, `1,204`, `3.1e-5`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.0005 => format!("{value:.1e}"),
        _ if size < 10.0 => format!("{value:.4}"),
        _ if size < 100.0 => format!("{value:.2}"),
        _ if size < 999.95 => format!("{value:.1}"),
        _ if size < 1e15 => format!("{}{}", if value < 0.0 { "−" } else { "" }, whole(size.round() as u64)),
        _ => format!("{value:.2e}"),
    }
    .replace('-', "−")
}

/// A share of one as per cent: what is little does not read as nothing, nor what is not all as all.
pub fn share(part: f64) -> String {
    let cent = part * 100.0;
    match cent {
        _ if !cent.is_finite() => "–".to_owned(),
        0.0 => "0 %".to_owned(),
        _ if cent < 0.01 => "under 0.01 %".to_owned(),
        _ if cent < 1.0 => format!("{cent:.2} %"),
        _ if (99.95..100.0).contains(&cent) => "over 99.9 %".to_owned(),
        _ if cent >= 100.0 => format!("{cent:.0} %"),
        _ => format!("{cent:.1} %"),
    }
}

/// An interval: `0.81 … 0.84`.
pub(super) fn interval([low, high]: [f64; 2]) -> String {
    format!("{} … {}", number(low), number(high))
}

/// How many: `812`, `34.5 k`, `1.23 M`.
pub(super) fn compact(value: u64) -> String {
    let scaled = |unit: f64, name: &str| {
        let own = value as f64 / unit;
        let digits = if own < 9.995 { 2 } else { usize::from(own < 99.95) };
        format!("{own:.digits$} {name}")
    };
    match value {
        0..=9_999 => whole(value),
        10_000..=999_499 => scaled(1e3, "k"),
        999_500..=999_499_999 => scaled(1e6, "M"),
        _ => scaled(1e9, "B"),
    }
}

/// A time: `0.4 s`, `12 s`, `2 min 10 s`, `3 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    let all = seconds.max(0.0).round() as u64;
    match all {
        _ if !seconds.is_finite() => "–".to_owned(),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{all} s"),
        60..3600 => format!("{} min {} s", all / 60, all % 60),
        _ => format!("{} h {} min", all / 3600, all % 3600 / 60),
    }
}

/// A text from outside without what turns the direction of writing, controls a terminal or is no character.
pub(super) fn shown(text: &str) -> String {
    let hidden = |letter: char| {
        matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}')
            || (letter.is_control() && !matches!(letter, '\n' | '\t'))
    };
    text.replace(hidden, "\u{fffd}")
}

/// The first characters of a text, and whether there are more.
pub(super) fn beginning(text: &str, characters: usize) -> (String, bool) {
    let end = text.char_indices().nth(characters).map(|(at, _)| at);
    (shown(&text[..end.unwrap_or(text.len())]), end.is_some())
}
