//! Display titles of metrics, for cards, model cards and the page Evaluate.

const TITLES: &[(&str, &str)] = &[
    ("loss", "Loss in nats per token"),
    ("perplexity", "Perplexity"),
    ("bits_per_byte", "Bits per byte"),
    ("token_accuracy", "Token accuracy"),
    ("top_5_accuracy", "Top-5 accuracy"),
    ("repetition", "Repetition of 4-grams"),
    ("repetition_of_text", "Repetition, held-out text"),
    ("distinct_2", "Distinct bigrams"),
    ("distinct_2_of_text", "Distinct bigrams, held-out text"),
    ("ece", "Expected calibration error"),
    ("exact_match", "Exact match"),
    ("f1", "Token F1"),
    ("bleu", "BLEU"),
    ("chrf", "chrF"),
    ("rouge1", "ROUGE-1"),
    ("rouge2", "ROUGE-2"),
    ("rougeL", "ROUGE-L"),
    ("pass_rate", "Pass rate"),
    ("score", "Mean score by the rule"),
    ("acc", "Accuracy"),
    ("acc_norm", "Accuracy, length-normalised"),
    ("acc_mutual_info", "Accuracy, mutual information"),
    ("f1_macro", "Macro F1"),
    ("f1_micro", "Micro F1"),
    ("f1_weighted", "Weighted F1"),
    ("entity_f1", "Entity F1"),
    ("entity_f1_strict", "Entity F1, strict IOB2"),
    ("accuracy_amb", "Accuracy, ambiguous"),
    ("accuracy_disamb", "Accuracy, disambiguated"),
    ("amb_bias_score", "Bias score, ambiguous"),
    ("disamb_bias_score", "Bias score, disambiguated"),
    ("mc2", "MC2 (probability of the true answers)"),
    ("lms", "Language modelling score"),
    ("ss", "Stereotype score"),
    ("icat", "Idealised CAT score"),
    ("pct_stereotype", "Stereotyped sentence likelier"),
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
    ("findings_in_training_text", "Findings that occur in the training text"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("false_positive_rate", "False positive rate"),
];

/// Whether a metric has its own title, as all metrics of our reports do.
pub fn is_titled(name: &str) -> bool {
    TITLES.iter().any(|(known, _)| *known == name)
}

/// The display title: `Bits per byte` for `bits_per_byte`. Unknown metrics get their name in words.
pub fn metric_title(name: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == name) {
        return (*title).to_owned();
    }
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_one_title_and_no_two_the_same() {
        let unlike = |at: usize, of: fn(&(&'static str, &'static str)) -> &'static str| {
            TITLES.iter().skip(at + 1).all(|other| of(other) != of(&TITLES[at]))
        };
        for (at, (name, title)) in TITLES.iter().enumerate() {
            assert!(unlike(at, |own| own.0), "{name}");
            assert!(unlike(at, |own| own.1), "{title}");
        }
        assert_eq!((is_titled("of_others"), metric_title("of_others").as_str()), (false, "Of others"));
        assert_eq!((metric_title("f1_macro").as_str(), metric_title("")), ("Macro F1", String::new()));
    }
}
