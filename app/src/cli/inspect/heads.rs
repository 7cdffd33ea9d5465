//! Attention as text for a terminal: the pattern of one head, and the scores of all.

use super::summary::{COLUMNS, ROWS, SQUARE, Words, print_table, quoted, show};
use super::*;
use glasshouse_engine::protocol::inspect::{HEAD_SCORES, highest_score};

/// Prints the attention of the requested head, or of the head with the highest score, and all heads' scores.
pub(super) fn print(tensors: &[ViewTensor<'_>], words: &Words<'_>, settings: &InspectSettings) -> Result<()> {
    let named = |name: &str| Some(&tensors.iter().find(|tensor| tensor.own.summary.name == name)?.own);
    let (Some(weights), Some(layers), Some(scores), Some(entropies)) =
        (named("probabilities"), named("layers"), named("scores"), named("entropy"))
    else {
        return show(tensors, words);
    };
    if let Some([layer, head]) = chosen(scores, &layers.integers, settings.head) {
        let time = words.tokens.len();
        let row = layers.integers.iter().position(|own| *own as usize == layer).unwrap_or(0);
        let (score, of) = most(scores, [layer, head]);
        let why = match settings.head {
            Some(_) => String::new(),
            None => format!(", with the highest score of one kind ({of} {})", figures(score)),
        };
        let name = format!("layer {layer}, head {head}{why}");
        if time <= SQUARE {
            say!("  {name}: the share of each column in a row's attention")?;
            print_table(&square(weights.at(&[row, head]), words))?;
        } else {
            let at = words.position;
            let token = words.tokens.get(at).map(|token| quoted(&token.text)).unwrap_or_default();
            say!("  {name}: highest attention at position {at} ({token})")?;
            print_table(&most_attended(weights.at(&[row, head, at]), words))?;
        }
    }
    let is_listed = |head: &[usize; 2]| settings.layer.is_none_or(|layer| layer == head[0]);
    let mut listed: Vec<[usize; 2]> = heads(scores).filter(is_listed).collect();
    let all = listed.len();
    if all > ROWS {
        listed.sort_by(|one, other| most(scores, *other).0.total_cmp(&most(scores, *one).0));
        listed.truncate(ROWS);
        say!("  the {ROWS} of {all} heads with the highest score of a kind; --json has all")?;
    }
    print_table(&scores_of(&listed, scores, entropies))
}

/// All heads, as layer and number.
fn heads(scores: &Tensor) -> impl DoubleEndedIterator<Item = [usize; 2]> {
    let of_layer = scores.size(1);
    (0..scores.size(0)).flat_map(move |layer| (0..of_layer).map(move |head| [layer, head]))
}

/// A head's highest score and its name.
fn most(scores: &Tensor, head: [usize; 2]) -> (f32, &'static str) {
    let (place, score) = highest_score(scores.at(&head)).unwrap_or_default();
    (score, HEAD_SCORES[place])
}

/// The head with the highest score in the layers whose weights are available, the first of equals; only heads of number `asked`,
/// if given.
fn chosen(scores: &Tensor, layers: &[u32], asked: Option<usize>) -> Option<[usize; 2]> {
    heads(scores)
        .rev()
        .filter(|[layer, head]| {
            layers.iter().any(|own| *own as usize == *layer) && asked.is_none_or(|asked| asked == *head)
        })
        .max_by(|one, other| most(scores, *one).0.total_cmp(&most(scores, *other).0))
}

/// A head's weights [T, T] with tokens as rows and columns; later positions are empty.
fn square(weights: &[f32], words: &Words<'_>) -> Vec<Vec<String>> {
    let tokens: Vec<String> = words.tokens.iter().map(|token| quoted(&token.text)).collect();
    let mut table = vec![vec!["token".to_owned()]];
    table[0].extend(tokens.iter().cloned());
    for (at, (token, weights)) in tokens.iter().zip(weights.chunks(tokens.len().max(1))).enumerate() {
        let mut row = vec![token.clone()];
        row.extend(weights.iter().take(at + 1).map(|weight| format!("{weight:.2}")));
        table.push(row);
    }
    table
}

/// The tokens that a position attends to most, in descending order.
fn most_attended(weights: &[f32], words: &Words<'_>) -> Vec<Vec<String>> {
    let mut attended: Vec<(usize, f32)> =
        weights.iter().copied().enumerate().filter(|(_, weight)| *weight > 0.0).collect();
    attended.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut table = vec![["position", "token", "weight"].map(str::to_owned).to_vec()];
    for (at, weight) in attended.into_iter().take(COLUMNS) {
        let token = words.tokens.get(at).map(|token| quoted(&token.text)).unwrap_or_default();
        table.push(vec![at.to_string(), token, figures(weight)]);
    }
    table
}

fn scores_of(heads: &[[usize; 2]], scores: &Tensor, entropies: &Tensor) -> Vec<Vec<String>> {
    let titles = ["layer", "head"].into_iter().chain(HEAD_SCORES).chain(["entropy (bits)"]);
    let mut table = vec![titles.map(str::to_owned).collect::<Vec<String>>()];
    for head in heads {
        let values = scores.at(head).iter().chain(entropies.at(head));
        table.push(head.iter().map(usize::to_string).chain(values.map(|value| figures(*value))).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::inspect::{ElementKind, TensorSummary, TokenText};

    fn tokens(texts: &[&str]) -> Vec<TokenText> {
        texts.iter().zip(0..).map(|(text, id)| TokenText { id, text: (*text).to_owned() }).collect()
    }

    fn tensor(axes: &[(&str, usize)], floats: &[f32]) -> Tensor {
        let summary = TensorSummary::new("scores", "", axes, ElementKind::F32);
        Tensor { summary, floats: floats.to_vec(), integers: Vec::new() }
    }

    #[test]
    fn a_short_prompt_has_a_table_of_who_attends_to_whom() {
        let tokens = tokens(&["One", " day", " the"]);
        let words = Words::new(&tokens, 2, &[]);
        let table = square(&[1.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.5, 0.125, 0.375], &words);
        assert_eq!(table[0], ["token", "\"One\"", "\" day\"", "\" the\""]);
        assert_eq!(table[1], ["\"One\"", "1.00"]);
        assert_eq!(table[2], ["\" day\"", "0.25", "0.75"]);
        assert_eq!(table[3][0], "\" the\"");
        assert_eq!(table[3].len(), 4);
    }

    #[test]
    fn a_long_prompt_has_the_tokens_that_are_attended_to_most() {
        let tokens = tokens(&["One", " day", " the"]);
        let words = Words::new(&tokens, 2, &[]);
        let table = most_attended(&[0.25, 0.75, 0.0], &words);
        assert_eq!(table[1..], [["1", "\" day\"", "0.7500"], ["0", "\"One\"", "0.2500"]]);
    }

    #[test]
    fn the_head_with_the_most_of_a_score_is_taken_unless_another_is_asked_for() {
        let heads =
            [[0.1, 0.2, 0.0, 0.0], [0.9, 0.0, 0.0, 0.0], [0.1, f32::NAN, 0.0, 0.9], [0.3, 0.0, 0.0, 0.0]];
        let scores = tensor(&[("L", 2), ("H", 2), ("score", 4)], heads.as_flattened());
        assert_eq!(chosen(&scores, &[0, 1], None), Some([0, 1]), "the first of equals");
        assert_eq!(chosen(&scores, &[1], None), Some([1, 0]));
        assert_eq!(chosen(&scores, &[1], Some(1)), Some([1, 1]));
        assert_eq!(chosen(&scores, &[], None), None, "no weights are there");
        assert_eq!(most(&scores, [1, 0]), (0.9, "induction"));
    }

    #[test]
    fn scores_have_their_names() {
        let scores = tensor(&[("L", 1), ("H", 1), ("score", 4)], &[0.1, 0.2, 0.3, 0.4]);
        let table = scores_of(&[[0, 0]], &scores, &tensor(&[("L", 1), ("H", 1)], &[0.5]));
        let titles = ["layer", "head", "previous token", "first token", "duplicate token", "induction"];
        assert_eq!(table[0][..6], titles);
        assert_eq!(table[1], ["0", "0", "0.1000", "0.2000", "0.3000", "0.4000", "0.5000"]);
    }
}
