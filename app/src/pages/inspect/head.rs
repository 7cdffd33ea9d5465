//! The arithmetic of one attention head for one token, step by step with the actual numbers: query times keys, softmax, weighted
//! sum of values, and the contribution to the residual stream.

use super::{Chosen, Shown, remembered, strip_ui};
use crate::pages::prelude::*;
use egui::style::ScrollAnimation;

/// Row height of a key, and gap between rows, in points.
const ROW: f32 = 30.0;
const BETWEEN: f32 = 2.0;
/// Height of the key list in points, beyond which it scrolls.
const TALL: f32 = 330.0;
/// Gap between the columns of a [`Table`], in points.
const GAP: f32 = 14.0;
/// Number of products written out of a dot product.
const TERMS: usize = 3;

/// Formats a number as a factor or subtrahend: negative numbers in parentheses.
fn in_parentheses(value: f32, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.starts_with('-') { format!("({text})") } else { text }
}

/// The head's tensors for one query.
struct Steps<'a> {
    query: usize,
    size: usize,
    queries: &'a Tensor,
    keys: &'a Tensor,
    values: &'a Tensor,
    /// Factor on q·k, if it is not 1 / √D.
    scale: Option<f32>,
    softcap: Option<f32>,
    /// Scaled and capped q·k for each key.
    scores: &'a [f32],
    probabilities: &'a [f32],
}

impl<'a> Steps<'a> {
    fn of(shown: &Shown<'a>) -> Option<Self> {
        let tensor = |name: &str| shown.data.tensor(name);
        let number = |name: &str| tensor(name).and_then(|number| number.floats.first().copied());
        let (queries, keys, values) = (tensor("queries")?, tensor("keys")?, tensor("values")?);
        let query = shown.position().min(queries.size(0).saturating_sub(1));
        Some(Self {
            query,
            size: queries.size(1),
            queries,
            keys,
            values,
            scale: number("scale"),
            softcap: number("softcap"),
            scores: tensor("scores")?.at(&[query]),
            probabilities: tensor("probabilities")?.at(&[query]),
        })
    }

    /// The largest unmasked score, which softmax subtracts.
    fn largest(&self) -> f32 {
        let seen = self.scores.iter().take(self.query + 1).zip(self.probabilities);
        seen.filter(|(_, share)| **share > 0.0).fold(f32::NEG_INFINITY, |most, (score, _)| most.max(*score))
    }

    /// The key with the largest attention weight.
    fn likeliest(&self) -> usize {
        let seen = self
            .probabilities
            .iter()
            .take(self.query + 1)
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        seen.map_or(0, |(key, _)| key)
    }

    /// The arithmetic of one key, as lines of text.
    fn written(&self, key: usize) -> Vec<String> {
        let (query, row) = (self.queries.at(&[self.query]), self.keys.at(&[key]));
        let at = |values: &[f32]| values.get(key).copied().unwrap_or(f32::NAN);
        let dot: f32 = query.iter().zip(row).map(|(q, k)| q * k).sum();
        let terms = query
            .iter()
            .zip(row)
            .take(TERMS)
            .map(|(q, k)| format!("{}·{}", in_parentheses(*q, 2), in_parentheses(*k, 2)));
        let terms: Vec<String> = terms.collect();
        let more = if query.len() > TERMS { " + …" } else { "" };
        let most = self.largest();
        let root = (self.size as f32).sqrt();
        let score = match self.softcap {
            Some(_) => dot * self.scale.unwrap_or(1.0 / root),
            None => at(self.scores),
        };
        let scaled = match self.scale {
            Some(scale) => format!("{scale}·q·k = {scale} · {} = {score:.3}", in_parentheses(dot, 3)),
            None => format!("q·k / √{} = {dot:.3} / {root:.3} = {score:.3}", self.size),
        };
        let capped = self.softcap.map(|cap| {
            format!("capped: {cap} · tanh({} / {cap}) = {:.3}", in_parentheses(score, 3), at(self.scores))
        });
        let mut lines = vec![format!("q·k = {}{more} = {dot:.3}", terms.join(" + ")), scaled];
        lines.extend(capped);
        let (score, share, most) = (at(self.scores), at(self.probabilities), in_parentheses(most, 3));
        lines.push(format!("softmax: exp({score:.3} − {most}) / Σ exp(…) = {share:.4}"));
        lines
    }
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let Some(steps) = Steps::of(shown) else { return caption(ui, "There is no head to show.") };
    let width = ui.available_width();
    let (layer, number) = (shown.layer(), shown.head());
    ui.horizontal_wrapped(|ui| {
        head(ui, &format!("Layer {layer}, head {number}, at {}", shown.place(steps.query)));
        let turned = turn_ui(ui, steps.query, steps.queries.size(0), ["Previous token", "Next token"]);
        chosen.set.position = turned.or(chosen.set.position);
    });
    ui.add_space(space::TIGHT);

    head(ui, "1. The query");
    prose(ui, "The token's vector times the head's columns of W_Q: what the token attends to.");
    let row = steps.queries.at(&[steps.query]);
    strip_ui(ui, "query", "Query", row, Scale::signed(&steps.queries.floats), width.min(520.0));

    ui.add_space(space::SMALL);
    head(ui, "2. Against every key");
    let keeps = steps.scale.map_or_else(|| format!("√{}", steps.size), |scale| format!("the factor {scale}"));
    prose(
        ui,
        format!(
            "Each earlier token has a key. q·k is large if both point the same way; {keeps} keeps its scale, and softmax turns the scores into \
             shares that sum to 1. Later tokens are masked."
        ),
    );
    let open = remembered(
        ui,
        &format!("key {layer} {number} {}", steps.query),
        |ui, pressed: &mut Option<usize>| {
            keys_ui(ui, shown, &steps, pressed);
            pressed.unwrap_or_else(|| steps.likeliest())
        },
    );
    head(ui, &format!("Against {}:", shown.place(open)));
    for line in steps.written(open) {
        ui.add(Label::new(RichText::new(line).monospace().text_style(theme::caption())).wrap());
    }

    ui.add_space(space::SMALL);
    head(ui, "3. The sum of values");
    prose(ui, "The tokens' values times their shares, summed: the head's result.");
    vector_ui(ui, shown, "weighted", "Sum of values", steps.query, width);

    ui.add_space(space::SMALL);
    head(ui, "4. Into the residual stream");
    prose(ui, "The sum times the head's rows of W_O: the head's contribution to the token's vector.");
    vector_ui(ui, shown, "output", "Output", steps.query, width);
    if let Some(output) = shown.data.tensor("output") {
        let norm = output.at(&[steps.query]).iter().map(|entry| entry * entry).sum::<f32>().sqrt();
        caption(ui, format!("Its norm is {norm:.3}."));
    }
}

fn vector_ui(ui: &mut Ui, shown: &Shown<'_>, tensor: &str, name: &str, query: usize, width: f32) {
    if let Some(tensor) = shown.data.tensor(tensor) {
        strip_ui(ui, name, name, tensor.at(&[query]), Scale::signed(&tensor.floats), width.min(520.0));
    }
}

/// All keys the query attends to, with score, weight and value. The key that is written out is scrolled into view; by default it
/// is the one with the largest weight.
fn keys_ui(ui: &mut Ui, shown: &Shown<'_>, steps: &Steps<'_>, pressed: &mut Option<usize>) {
    let narrow = Breakpoint::of(ui.available_width()) == Breakpoint::Phone;
    let (keys, values) = (Scale::signed(&steps.keys.floats), Scale::signed(&steps.values.floats));
    let open = pressed.unwrap_or_else(|| steps.likeliest());
    let seen = [shown.layer(), shown.head(), steps.query, open];
    let comes = remembered(ui, "key in sight", |_, before: &mut Option<[usize; 4]>| {
        before.replace(seen) != Some(seen)
    });
    ui.spacing_mut().item_spacing.y = BETWEEN;
    let column = |title, width, align| Column { title, width, align };
    let [score, share] = ["Score", "Share"].map(|title| column(title, 52.0, Align::Right));
    let mut columns = vec![column("Token", if narrow { 60.0 } else { 90.0 }, Align::Left), score, share];
    // Leave room for a scroll bar, so that the headings align with or without one.
    let room = ui.available_width() - ui.spacing().scroll.allocated_width();
    let left = room - Table { columns: &columns, row: ROW }.width();
    let pictures: &[&str] = if narrow { &["Attention"] } else { &["Key", "Attention", "Value"] };
    let part = (left / pictures.len() as f32 - GAP).max(60.0);
    columns.extend(pictures.iter().map(|title| column(title, part, Align::Left)));
    let table = Table { columns: &columns, row: ROW };
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    table.titles_ui(ui).widget_info(|| WidgetInfo::labeled(Role::Label, true, titles.join(", ")));
    scrolled("keys", TALL).show_rows(ui, ROW, steps.query + 1, |ui, rows| {
        if comes {
            // The row may be outside the drawn range.
            let top = ui.max_rect().top() + (open as f32 - rows.start as f32) * (ROW + BETWEEN);
            let row = Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(table.width(), ROW));
            ui.scroll_to_rect_animation(row, None, ScrollAnimation::none());
        }
        for key in rows {
            let at = |values: &[f32]| values.get(key).copied().unwrap_or(f32::NAN);
            let (score, share) = (at(steps.scores), at(steps.probabilities));
            let percent = format::percent(f64::from(share));
            let said = format!("Key of {}: score {score:.3}, share {percent}", shown.place(key));
            let row = table.row_ui(ui, &said, key == open, |ui, place| {
                let word = |ui: &mut Ui, text: String| {
                    ui.add(Label::new(RichText::new(text).monospace().size(12.0)).truncate());
                };
                match titles[place] {
                    "Token" => word(ui, shown.token(key)),
                    "Score" => word(ui, format!("{score:.2}")),
                    "Share" => word(ui, percent.clone()),
                    "Attention" => {
                        share_bar(ui, vec2(part, 10.0), &[(share, shown.palette.accent)]);
                    }
                    title => {
                        let (of, scale) =
                            if title == "Key" { (steps.keys, keys) } else { (steps.values, values) };
                        let name = format!("{title} of {}", shown.place(key));
                        strip_ui(ui, (title, key), &name, of.at(&[key]), scale, part);
                    }
                }
            });
            if row.on_hover_text(said).clicked() {
                *pressed = Some(key);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_zero_stands_in_parentheses() {
        assert_eq!(format!("{}·{}", in_parentheses(-1.75, 2), in_parentheses(-4.5, 2)), "(-1.75)·(-4.50)");
        assert_eq!(format!("exp(1.000 − {})", in_parentheses(-0.5, 3)), "exp(1.000 − (-0.500))");
        assert_eq!(in_parentheses(0.5, 2), "0.50");
    }
}
