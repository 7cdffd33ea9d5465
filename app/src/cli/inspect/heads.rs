//! Attention as text for a terminal: the pattern of one head, and the scores of all.

use super::ViewTensor;
use super::summary::{COLUMNS, ROWS, SQUARE, Words, print_table, quoted, show};
use crate::cli::prelude::*;
use glasshouse_engine::protocol::inspect::HEAD_SCORES;

#[derive(Debug)]
struct MeasuredHead {
    layer: usize,
    number: usize,
    scores: Vec<f32>,
    entropy: f32,
}

impl MeasuredHead {
    /// The largest score and its name.
    fn most(&self) -> (f32, &'static str) {
        let scores = self.scores.iter().copied().zip(HEAD_SCORES);
        let finite = scores.filter(|(score, _)| score.is_finite());
        finite.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, HEAD_SCORES[0]))
    }
}

/// Prints the attention of the requested head, or of the head with the highest score, and all heads' scores.
pub(super) fn print(tensors: &[ViewTensor<'_>], words: &Words<'_>, settings: &InspectSettings) -> Result<()> {
    let named = |name: &str| tensors.iter().find(|tensor| tensor.summary.name == name);
    let (Some(weights), Some(layers), Some(scores), Some(entropies)) =
        (named("probabilities"), named("layers"), named("scores"), named("entropy"))
    else {
        return show(tensors, words);
    };
    let heads = measured(scores, entropies);
    let layers: Vec<usize> = layers.integers().into_iter().map(|layer| layer as usize).collect();
    if let Some(head) = chosen(&heads, &layers, settings.head) {
        let (time, of_layer) = (words.tokens.len(), weights.summary.shape().get(1).copied().unwrap_or(0));
        let row = layers.iter().position(|layer| *layer == head.layer).unwrap_or(0);
        let all = weights.floats();
        let own = all.chunks(time.pow(2).max(1)).nth(row * of_layer + head.number).unwrap_or_default();
        let (score, of) = head.most();
        let why = match settings.head {
            Some(_) => String::new(),
            None => format!(", with the highest score of one kind ({of} {})", figures(score)),
        };
        let name = format!("layer {}, head {}{why}", head.layer, head.number);
        if time <= SQUARE {
            say!("  {name}: the share of each column in a row's attention")?;
            print_table(&square(own, words))?;
        } else {
            let at = words.position;
            let token = words.tokens.get(at).map(|token| quoted(&token.text)).unwrap_or_default();
            say!("  {name}: highest attention at position {at} ({token})")?;
            print_table(&most_attended(own.chunks(time).nth(at).unwrap_or_default(), words))?;
        }
    }
    let mut listed: Vec<&MeasuredHead> =
        heads.iter().filter(|head| settings.layer.is_none_or(|layer| layer == head.layer)).collect();
    let all = listed.len();
    if all > ROWS {
        listed.sort_by(|one, other| other.most().0.total_cmp(&one.most().0));
        listed.truncate(ROWS);
        say!("  the {ROWS} of {all} heads with the highest score of a kind; --json has all")?;
    }
    print_table(&scores_of(&listed))
}

fn measured(scores: &ViewTensor<'_>, entropies: &ViewTensor<'_>) -> Vec<MeasuredHead> {
    let of_layer = scores.summary.shape().get(1).copied().unwrap_or(0).max(1);
    let (scores, entropies) = (scores.floats(), entropies.floats());
    let heads = scores.chunks(HEAD_SCORES.len()).zip(entropies).enumerate();
    heads
        .map(|(at, (scores, entropy))| MeasuredHead {
            layer: at / of_layer,
            number: at % of_layer,
            scores: scores.to_vec(),
            entropy,
        })
        .collect()
}

/// The head with the highest score in the layers whose weights are available, the first of equals; only heads of number `asked`,
/// if given.
fn chosen<'a>(heads: &'a [MeasuredHead], layers: &[usize], asked: Option<usize>) -> Option<&'a MeasuredHead> {
    heads
        .iter()
        .rev()
        .filter(|head| layers.contains(&head.layer) && asked.is_none_or(|asked| asked == head.number))
        .max_by(|one, other| one.most().0.total_cmp(&other.most().0))
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

fn scores_of(heads: &[&MeasuredHead]) -> Vec<Vec<String>> {
    let titles = ["layer", "head"].into_iter().chain(HEAD_SCORES).chain(["entropy (bits)"]);
    let mut table = vec![titles.map(str::to_owned).collect::<Vec<String>>()];
    for head in heads {
        let mut row = vec![head.layer.to_string(), head.number.to_string()];
        row.extend(head.scores.iter().chain([&head.entropy]).map(|score| figures(*score)));
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_engine::protocol::View;
    use glasshouse_engine::protocol::inspect::TokenText;

    fn tokens(texts: &[&str]) -> Vec<TokenText> {
        texts.iter().zip(0..).map(|(text, id)| TokenText { id, text: (*text).to_owned() }).collect()
    }

    fn head(layer: usize, number: usize, scores: [f32; 4]) -> MeasuredHead {
        MeasuredHead { layer, number, scores: scores.to_vec(), entropy: 0.5 }
    }

    #[test]
    fn a_short_prompt_has_a_table_of_who_attends_to_whom() {
        let tokens = tokens(&["One", " day", " the"]);
        let words = Words::plain(View::Attention, &tokens, 2);
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
        let words = Words::plain(View::Attention, &tokens, 2);
        let table = most_attended(&[0.25, 0.75, 0.0], &words);
        assert_eq!(table[1..], [["1", "\" day\"", "0.7500"], ["0", "\"One\"", "0.2500"]]);
    }

    #[test]
    fn the_head_with_the_most_of_a_score_is_taken_unless_another_is_asked_for() {
        let heads = [
            head(0, 0, [0.1, 0.2, 0.0, 0.0]),
            head(0, 1, [0.9, 0.0, 0.0, 0.0]),
            head(1, 0, [0.1, f32::NAN, 0.0, 0.9]),
            head(1, 1, [0.3, 0.0, 0.0, 0.0]),
        ];
        let place =
            |layers: &[usize], asked| chosen(&heads, layers, asked).map(|own| (own.layer, own.number));
        assert_eq!(place(&[0, 1], None), Some((0, 1)), "the first of equals");
        assert_eq!(place(&[1], None), Some((1, 0)));
        assert_eq!(place(&[1], Some(1)), Some((1, 1)));
        assert_eq!(place(&[], None), None, "no weights are there");
        assert_eq!(heads[2].most(), (0.9, "induction"));
    }

    #[test]
    fn scores_have_their_names() {
        let table = scores_of(&[&head(1, 3, [0.1, 0.2, 0.3, 0.4])]);
        let titles = ["layer", "head", "previous token", "first token", "duplicate token", "induction"];
        assert_eq!(table[0][..6], titles);
        assert_eq!(table[1], ["1", "3", "0.1000", "0.2000", "0.3000", "0.4000", "0.5000"]);
    }
}
