//! The arithmetic of one attention head for one token, step by step with the actual numbers: query times keys, softmax, weighted
//! sum of values, and the contribution to the residual stream.

use super::chosen::Chosen;
use super::labelled::strip_ui;
use super::remembered::remembered;
use super::shown::Shown;
use crate::format;
use crate::pages::parts::{Breakpoint, caption, head, turn_ui};
use crate::state::Tensor;
use crate::theme::{self, space};
use crate::widgets::{Scale, focus_ring, prose};
use egui::style::ScrollAnimation;
use egui::{Align2, FontId, Rect, RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

/// Row height of a key, and gap between rows, in points.
const ROW: f32 = 30.0;
const BETWEEN: f32 = 2.0;
/// Height of the key list in points, beyond which it scrolls.
const TALL: f32 = 330.0;
/// Distance in points from the right end of a key's text to that of its score.
const SCORE: f32 = 58.0;
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
        ui.add(egui::Label::new(RichText::new(line).monospace().text_style(theme::caption())).wrap());
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
    // Columns: text, key, weight as a bar, and the value if it fits. Leave room for a scroll bar, so that the headings align with
    // or without one.
    let room = ui.available_width() - ui.spacing().scroll.allocated_width();
    let words = if narrow { 150.0 } else { 190.0 };
    let parts = if narrow { 1.0 } else { 3.0 };
    let part = ((room - words - space::SMALL * parts) / parts).max(60.0);
    headings_ui(ui, shown, words, if narrow { &["Share"] } else { &["Key", "Share", "Value"] }, part);
    let list = ScrollArea::vertical().id_salt("keys").max_height(TALL).min_scrolled_height(TALL);
    list.show_rows(ui, ROW, steps.query + 1, |ui, rows| {
        if comes {
            // The row may be outside the drawn range.
            let top = ui.max_rect().top() + (open as f32 - rows.start as f32) * (ROW + BETWEEN);
            let row = Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(words, ROW));
            ui.scroll_to_rect_animation(row, None, ScrollAnimation::none());
        }
        for key in rows {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::SMALL;
                if words_ui(ui, shown, steps, key, vec2(words, ROW - 4.0), open == key) {
                    *pressed = Some(key);
                }
                if !narrow {
                    let name = format!("Key of {}", shown.place(key));
                    strip_ui(ui, ("key", key), &name, steps.keys.at(&[key]), keys, part);
                }
                bar_ui(ui, shown, steps.probabilities.get(key).copied().unwrap_or_default(), part);
                if !narrow {
                    let name = format!("Value of {}", shown.place(key));
                    strip_ui(ui, ("value", key), &name, steps.values.at(&[key]), values, part);
                }
            });
        }
    });
}

/// Column headings: one of width `words`, then `parts` of equal width.
fn headings_ui(ui: &mut Ui, shown: &Shown<'_>, words: f32, parts: &[&str], part: f32) {
    let font = FontId::proportional(11.0);
    let heading = |ui: &mut Ui, size: Vec2, texts: &[(&str, f32, Align2)]| {
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        for (text, along, anchor) in texts {
            let from = if *anchor == Align2::LEFT_CENTER { rect.left_center() } else { rect.right_center() };
            ui.painter().text(from + vec2(*along, 0.0), *anchor, *text, font.clone(), shown.palette.quiet);
        }
        let said: Vec<&str> = texts.iter().map(|(text, ..)| *text).collect();
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, said.join(", ")));
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::SMALL;
        let texts = [
            ("Token", 4.0, Align2::LEFT_CENTER),
            ("Score", -SCORE, Align2::RIGHT_CENTER),
            ("Share", -4.0, Align2::RIGHT_CENTER),
        ];
        heading(ui, vec2(words, 16.0), &texts);
        for text in parts {
            heading(ui, vec2(part, 16.0), &[(*text, 0.0, Align2::LEFT_CENTER)]);
        }
    });
}

/// A key's token, score and weight. Returns whether it was clicked.
fn words_ui(ui: &mut Ui, shown: &Shown<'_>, steps: &Steps<'_>, key: usize, size: Vec2, open: bool) -> bool {
    let palette = shown.palette;
    let at = |values: &[f32]| values.get(key).copied().unwrap_or(f32::NAN);
    let share = format::percent(f64::from(at(steps.probabilities)));
    let said = format!("Key of {}: score {:.3}, share {share}", shown.place(key), at(steps.scores));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, &said));
    let fill = if open { palette.chosen() } else { palette.raised };
    if open || response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 4.0, fill);
    }
    focus_ring(ui, &response, 4.0);
    let font = FontId::monospace(12.0);
    let token = Rect::from_min_max(rect.min, pos2(rect.right() - 104.0, rect.bottom()));
    let left = token.left_center() + vec2(4.0, 0.0);
    ui.painter_at(token).text(left, Align2::LEFT_CENTER, shown.token(key), font.clone(), palette.text);
    let score = format!("{:.2}", at(steps.scores));
    let right = |inward: f32| rect.right_center() - vec2(inward, 0.0);
    ui.painter().text(right(SCORE), Align2::RIGHT_CENTER, score, font.clone(), palette.quiet);
    ui.painter().text(right(4.0), Align2::RIGHT_CENTER, share, font, palette.text);
    response.on_hover_text(said).clicked()
}

fn bar_ui(ui: &mut Ui, shown: &Shown<'_>, share: f32, width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, 10.0), Sense::hover());
    ui.painter().rect_filled(rect, 3.0, shown.palette.raised);
    let long = rect.width() * share.clamp(0.0, 1.0);
    ui.painter().rect_filled(rect.with_max_x(rect.left() + long), 3.0, shown.palette.accent);
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
