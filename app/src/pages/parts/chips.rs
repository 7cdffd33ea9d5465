//! Tokens as coloured chips that wrap like words, with their ids below.

use crate::pages::prelude::*;

#[derive(Clone, Debug)]
pub struct Chip {
    /// The text, with whitespace made visible.
    pub text: String,
    /// Shown below the text; may be empty.
    pub below: String,
    /// Tooltip and accessible name.
    pub hover: String,
    pub tint: usize,
    pub lit: bool,
    pub ends_line: bool,
    /// A second line below, and the colour of a strip.
    pub score: Option<(String, Color32)>,
}

/// Maximum number of tokens drawn.
const MAX_DRAWN: usize = 1200;
/// Number of chips from which invisible ones are left out.
const MANY: usize = 2000;

impl Chip {
    /// A chip for the token with this index and text, without tooltip.
    pub fn of(place: usize, text: &str, lit: bool) -> Self {
        let (below, hover, ends_line) = (String::new(), String::new(), text.ends_with('\n'));
        Self { text: visible(text), below, hover, tint: place, lit, ends_line, score: None }
    }
}

/// A token's text with whitespace made visible.
pub fn visible(text: &str) -> String {
    let shown = |letter: char| match letter {
        ' ' => '·',
        '\n' => '¶',
        '\t' => '→',
        letter if letter.is_control() => '•',
        letter => letter,
    };
    text.chars().map(shown).collect()
}

fn hex(token: &TokenSummary) -> String {
    if token.special {
        return "none: a special token".to_owned();
    }
    bytes_of(&token.text).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

/// The bytes of a token's text, in which incomplete characters are written as `\xE2`.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let digits = rest.strip_prefix("\\x").and_then(|after| after.get(..2));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = rest.get(4..).unwrap_or_default();
        } else {
            bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    bytes
}

/// Draws a text's tokens, and what its vocabulary lacks. Returns the clicked token.
pub fn tokens_ui<'a>(
    ui: &mut Ui,
    palette: &Palette,
    id: &str,
    known: &'a answer::Tokens,
) -> Option<&'a TokenSummary> {
    let answer::Tokens { tokens, lost, .. } = known;
    let chip = |(place, token): (usize, &TokenSummary)| {
        let hover = format!("token {} · id {} · bytes {}", visible(&token.text), token.id, hex(token));
        Chip { below: token.id.to_string(), hover, ..Chip::of(place, &token.text, token.special) }
    };
    let chips: Vec<Chip> = tokens.iter().take(MAX_DRAWN).enumerate().map(chip).collect();
    let clicked = chips_ui(ui, palette, id, &chips);
    if tokens.len() > MAX_DRAWN {
        caption(ui, format!("and {} more", format::whole((tokens.len() - MAX_DRAWN) as u64)));
    }
    if !lost.is_empty() {
        hint_line(ui, &format!("Not in the vocabulary, and lost: {}", visible(lost)));
    }
    clicked.and_then(|place| tokens.get(place))
}

/// Draws chips. Returns the index of the clicked one. All have the same height, so that the layout does not jump.
pub fn chips_ui(ui: &mut Ui, palette: &Palette, salt: &str, chips: &[Chip]) -> Option<usize> {
    let (font, small) = (FontId::monospace(14.0), FontId::monospace(10.0));
    let labelled = chips.iter().any(|chip| !chip.below.is_empty());
    let scored = chips.iter().any(|chip| chip.score.is_some());
    let tall = if scored {
        62.0
    } else if labelled {
        42.0
    } else {
        26.0
    };
    let room = ui.available_width();
    let mut at = Pos2::ZERO;
    let mut rects = Vec::with_capacity(chips.len());
    let (letter, digit) = (text_width(ui, "m", &font), text_width(ui, "0", &small));
    // Characters of a monospaced font have a known width; other scripts need a layout.
    let width = |text: &str, font: &FontId, each: f32| {
        if text.chars().all(|letter| letter.is_ascii() || "·¶→".contains(letter)) {
            text.chars().count() as f32 * each
        } else {
            text_width(ui, text, font)
        }
    };
    for chip in chips {
        let text = width(&chip.text, &font, letter);
        let score = chip.score.as_ref().map_or(0.0, |(words, _)| width(words, &small, digit));
        let below = width(&chip.below, &small, digit).max(score);
        let wide = (text + 6.0).max(below + 4.0).max(10.0).min(room);
        if at.x > 0.0 && at.x + wide > room {
            at = pos2(0.0, at.y + tall + 4.0);
        }
        rects.push(Rect::from_min_size(at, vec2(wide, tall)));
        at.x += wide + 2.0;
        if chip.ends_line {
            at = pos2(0.0, at.y + tall + 4.0);
        }
    }
    let height = rects.last().map_or(0.0, Rect::bottom);
    let (space, _) = ui.allocate_exact_size(Vec2::new(room, height), Sense::hover());
    let mut clicked = None;
    for (place, (chip, rect)) in chips.iter().zip(rects).enumerate() {
        let rect = rect.translate(space.min.to_vec2());
        let is_visible = ui.is_rect_visible(rect);
        if chips.len() >= MANY && !is_visible {
            continue;
        }
        let response = ui.interact(rect, ui.scope_id().with((salt, place)), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, chip.lit, &chip.hover));
        // Screen readers find the others as well.
        if !is_visible {
            continue;
        }
        let tint = tint(palette, chip.tint);
        let body = if labelled { rect.with_max_y(rect.top() + 26.0) } else { rect };
        let stands_out = chip.lit || response.hovered() || response.has_focus();
        let fill = theme::mix(palette.panel, tint, if stands_out { 0.55 } else { 0.28 });
        ui.painter().rect_filled(body, 3.0, fill);
        if chip.lit || response.has_focus() {
            ui.painter().rect_stroke(body, 3.0, (1.5, palette.text), StrokeKind::Inside);
        }
        let painter = ui.painter_at(rect);
        painter.text(body.center(), Align2::CENTER_CENTER, &chip.text, font.clone(), palette.text);
        if labelled {
            let at = pos2(rect.center().x, rect.top() + 42.0);
            painter.text(at, Align2::CENTER_BOTTOM, &chip.below, small.clone(), palette.quiet);
        }
        if let Some((words, colour)) = &chip.score {
            let at = pos2(rect.center().x, rect.top() + 55.0);
            painter.text(at, Align2::CENTER_BOTTOM, words, small.clone(), palette.text);
            painter.rect_filled(rect.with_min_y(rect.bottom() - 6.0), 1.0, *colour);
        }
        if response.clicked() {
            clicked = Some(place);
        }
        response.on_hover_text(&chip.hover);
    }
    clicked
}

/// Colours alternating between neighbours.
fn tint(palette: &Palette, number: usize) -> Color32 {
    let [first, second, third, fourth, ..] = palette.series;
    [first, second, third, fourth][number % 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_text_or_the_ones_it_names() {
        let token = |text: &str| TokenSummary { id: 7, text: text.to_owned(), special: false };
        assert_eq!(hex(&token(" cat")), "20 63 61 74");
        assert_eq!(hex(&token("é")), "C3 A9");
        assert_eq!(hex(&token("a\\xE2")), "61 E2");
        assert_eq!(hex(&token("\\x")), "5C 78");
    }
}
