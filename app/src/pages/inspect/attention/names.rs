//! Names of heads according to their scores.

use crate::pages::inspect::Shown;
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{HEAD_SCORES, highest_score};

/// Minimum score for a head to be named after it: more than a third of its attention.
const NAMED: f32 = 0.35;

/// The scores in the order of the tensor's last axis: name of such a head, and description.
const MEASURES: [(&str, &str); 4] = [
    (HEAD_SCORES[0], "Mean attention from each token to the one before it."),
    (HEAD_SCORES[1], "Mean attention from each token to the first of the text: where idle heads attend."),
    (HEAD_SCORES[2], "Mean attention from a token to an earlier equal token."),
    (
        HEAD_SCORES[3],
        "Mean attention, on a repeated random sequence, to the token after the earlier occurrence, which is likely to come next here too (Olsson et \
         al. 2022).",
    ),
];

/// A head's highest score, if that reaches `NAMED`.
pub fn name_of(scores: &[f32]) -> Option<(usize, f32)> {
    highest_score(scores).filter(|(_, score)| *score >= NAMED)
}

fn line((name, score): (&str, f32)) -> String {
    format!("{name} {score:.2}")
}

/// A head's behaviour in words; `None` without scores.
pub fn words(shown: &Shown<'_>, layer: usize, head: usize) -> Option<String> {
    let scores = shown.data.tensor("scores")?.at(&[layer, head]);
    Some(match name_of(scores) {
        Some((place, score)) => line((MEASURES[place].0, score)),
        None => "mixed".to_owned(),
    })
}

/// Shows what a head does, with all scores as a tooltip.
pub fn name_ui(ui: &mut Ui, shown: &Shown<'_>, layer: usize, head: usize) {
    let Some(words) = words(shown, layer, head) else { return };
    let scores: &[f32] = shown.data.tensor("scores").map_or(&[], |scores| scores.at(&[layer, head]));
    caption_label(ui, words).on_hover_ui(|ui| {
        ui.set_max_width(320.0);
        for ((name, means), score) in MEASURES.iter().zip(scores) {
            ui.label(line((name, *score)));
            caption(ui, *means);
        }
        let entropy =
            shown.data.tensor("entropy").and_then(|entropy| entropy.at(&[layer, head]).first().copied());
        if let Some(bits) = entropy {
            caption(ui, format!("Entropy {bits:.2} bits, mean over the text."));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_called_by_what_it_does_most_where_that_is_enough() {
        assert_eq!(name_of(&[0.1, 0.2, 0.0, 0.9]), Some((3, 0.9)));
        assert_eq!(name_of(&[0.8, 0.36, 0.0, 0.1]), Some((0, 0.8)));
        assert_eq!(name_of(&[0.3, 0.34, f32::NAN, 0.1]), None);
        assert_eq!(name_of(&[]), None);
    }

    /// `<glasshouse-lens>` names heads, too.
    #[test]
    fn embeds_call_heads_by_the_same_measures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/lens-tables.js");
        let script = std::fs::read_to_string(path).unwrap();
        let mut from = 0;
        for (name, means) in MEASURES {
            let line = format!("[\"{name}\", \"{means}\"]");
            from += script[from..]
                .find(&line)
                .unwrap_or_else(|| panic!("{line} is not there, or not in its place"));
        }
        assert!(script.contains(&format!("NAMED = {NAMED};")), "{NAMED}");
    }
}
