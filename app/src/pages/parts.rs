//! Parts shared by several pages: debouncing, columns and grids, captions and headings, forms, charts, reports, and text with
//! highlights.

mod bars;
mod blocks;
mod chips;
mod clock;
mod form;
mod kept;
mod moderation;
mod ranked;
mod runs;

pub use bars::{Bar, bars_ui};
pub use blocks::{Line, blocks_ui, facts_ui, line_ui as metric_line_ui, ranges, report_ui, section_ui};
pub use chips::{Chip, chips_ui, tokens_ui, visible};
pub use clock::StepClock;
pub use form::{described_ui, drag, form_ui, number, own_number_ui, segments_ui, some_ui, variant_ui};
pub use kept::Kept;
pub use moderation::{moderation_of, moderation_ui};
pub use ranked::{Ranked, Ranking, bar_rows};
pub use runs::{called, distinctions, holds, offered, run_colour};

use crate::pages::prelude::*;
use egui::Align;

/// Seconds without a change before a value is acted on.
const REST: f64 = 0.25;

/// Delays a value until it stops changing, and sends each value once.
#[derive(Debug)]
pub struct Debounce<T> {
    last: Option<(T, f64)>,
    sent: Option<T>,
}

impl<T> Default for Debounce<T> {
    fn default() -> Self {
        Self { last: None, sent: None }
    }
}

impl<T: Clone + PartialEq> Debounce<T> {
    /// Whether to send the value now: the first at once, later ones after `REST`. Requests a repaint while it waits.
    pub fn due(&mut self, ui: &Ui, value: &T) -> bool {
        let now = ui.input(|input| input.time);
        if self.sent.as_ref() == Some(value) {
            self.last = None;
            return false;
        }
        let since = match &self.last {
            Some((last, since)) if last == value => *since,
            _ => {
                self.last = Some((value.clone(), now));
                now
            }
        };
        let left = REST - (now - since);
        if self.sent.is_some() && left > 0.0 {
            ui.ctx().request_repaint_after_secs(left as f32);
            return false;
        }
        self.sent = Some(value.clone());
        self.last = None;
        true
    }

    /// Sends the last value again, because its answer is out of date.
    pub fn forget(&mut self) {
        self.sent = None;
    }
}

/// Tokens of a field's text.
#[derive(Debug, Default)]
pub struct Tokenized {
    cutting: Debounce<(u64, u64, String)>,
    /// The text whose tokens are shown: the field's or, until its answer comes, the one before.
    shown: String,
}

impl Tokenized {
    /// Requests the tokens of `text` once it rests, and again if another page's answer has replaced them. Returns whether it did.
    pub fn ask(&mut self, ui: &Ui, context: &mut Context<'_>, text: &str) -> bool {
        let state = context.state;
        let is_tokenizing = |command: &Command| matches!(command, Command::Tokenize { .. });
        match &state.tokenizer.tokens {
            Some(known) if known.text == text => text.clone_into(&mut self.shown),
            Some(known) if known.text != self.shown && !state.is_waiting(is_tokenizing) => {
                self.cutting.forget();
            }
            _ => {}
        }
        let key = (state.projects.openings, state.tokenizer.trained, text.to_owned());
        let asks = self.cutting.due(ui, &key) && !text.is_empty();
        if asks {
            context.outbox.send(Command::Tokenize { text: text.to_owned() });
        }
        asks
    }

    /// The last answer, never that to another page.
    pub fn known<'a>(&self, state: &'a State) -> Option<&'a answer::Tokens> {
        state.tokenizer.tokens.as_ref().filter(|known| known.text == self.shown)
    }
}

/// Seconds during which an action can be undone.
const UNDO: f64 = 10.0;

/// An action carried out once it can no longer be undone, and when it was requested.
#[derive(Debug, Default)]
pub struct Delayed<T>(Option<(T, f64)>);

impl<T> Delayed<T> {
    pub fn begin(&mut self, ui: &Ui, action: T) {
        self.0 = Some((action, ui.input(|input| input.time)));
    }

    pub fn pending(&self) -> Option<&(T, f64)> {
        self.0.as_ref()
    }

    /// Undoes the action, or carries it out at once.
    pub fn take(&mut self) -> Option<T> {
        self.0.take().map(|(action, _)| action)
    }

    /// The action, once it is due. Requests a repaint while it is pending.
    pub fn due(&mut self, ui: &Ui) -> Option<T> {
        let (_, since) = self.pending()?;
        let left = since + UNDO - ui.input(|input| input.time);
        if left > 0.0 {
            ui.ctx().request_repaint_after_secs(left as f32);
            return None;
        }
        self.take()
    }
}

/// Sets the draft's vocabulary to the size its tokenizer will have, so that drawings and plans match the training.
pub fn take_vocabulary(context: &mut Context<'_>) {
    if context.draft.start.is_some() {
        // The base run's weights determine the vocabulary.
        return;
    }
    let tokenizer = &context.draft.tokenizer;
    let trained = context.state.tokenizer.summary.as_ref().filter(|summary| summary.config == *tokenizer);
    let vocabulary = match (trained, tokenizer.kind) {
        (Some(summary), _) => summary.vocabulary,
        // 256 bytes and the end-of-text token.
        (None, TokenizerKind::Byte) => 257,
        // The number of distinct characters in the text; until counted, the current value.
        (None, TokenizerKind::Char) => {
            let overview = context.state.documents.overview.as_ref();
            overview
                .map_or(context.draft.model.vocabulary.max(1), |overview| overview.distinct_characters + 1)
        }
        (None, _) => tokenizer.vocabulary,
    };
    context.draft.model.vocabulary = vocabulary;
}

/// Settings of another origin on the project's text and device. Its tokenizer stays, too, once there is one or one was chosen.
pub fn in_project(context: &Context<'_>, config: RunConfig) -> RunConfig {
    let draft = &*context.draft;
    let chosen = presets::named(&draft.preset).is_none_or(|preset| preset.tokenizer != draft.tokenizer);
    if chosen || context.state.tokenizer.summary.is_some() {
        return context.drafts.in_project(config);
    }
    config.on_text_of(draft)
}

/// A message if the text is too short for one window of the current settings, which a run would refuse.
pub fn too_short(context: &Context<'_>) -> Option<String> {
    let length = context.draft.model.context_length;
    context.state.documents.is_too_short(length).then(|| {
        let length = format::whole(length as u64);
        format!(
            "The text, or its held-out part, is too short for context length {length}. Add more text, or choose a shorter context length."
        )
    })
}

/// The content of a page that needs a model while there is none.
pub fn untrained_ui(ui: &mut Ui, context: &mut Context<'_>, icon: MaterialIcon, text: &str) {
    if empty(ui, icon, "Nothing has been trained yet", text, "Go to training") {
        *context.go = Some(PageName::Train);
    }
}

/// A small line in a muted colour.
pub fn caption(ui: &mut Ui, text: impl Into<String>) {
    caption_label(ui, text);
}

/// Like [`caption`], for a tooltip.
pub fn caption_label(ui: &mut Ui, text: impl Into<String>) -> Response {
    let quiet = Palette::of(ui).quiet;
    let text: String = text.into();
    let text = with_code(ui, &text, |words| words.text_style(theme::caption()).color(quiet));
    readable(ui, text)
}

/// A small formula, in the code font because it has mathematical symbols.
pub fn formula(ui: &mut Ui, text: &str) {
    let text = RichText::new(text).text_style(theme::caption()).color(Palette::of(ui).quiet).monospace();
    ui.add(Label::new(text).wrap());
}

/// A heading within a card.
pub fn head(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).text_style(theme::strong()));
}

/// A line with something at its right end.
pub fn line_ui<R, L>(ui: &mut Ui, right: impl FnOnce(&mut Ui) -> R, left: impl FnOnce(&mut Ui) -> L) -> R {
    let size = Vec2::new(ui.available_width(), theme::CONTROL);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        let shown = right(ui);
        ui.with_layout(Layout::left_to_right(Align::Center), left);
        shown
    })
    .inner
}

/// An icon button that may be disabled. Returns whether it was clicked.
pub fn icon_button(ui: &mut Ui, enabled: bool, icon: MaterialIcon, name: &str) -> bool {
    pressed(ui, enabled, |ui| widgets::icon_button(ui, icon, name))
}

/// Icon buttons to the neighbours of index `at`, with their names. Returns the index of the clicked one.
pub fn turn_ui(ui: &mut Ui, at: usize, count: usize, [before, after]: [&str; 2]) -> Option<usize> {
    let back = icon_button(ui, at > 0, icons::ICON_CHEVRON_LEFT, before);
    let on = icon_button(ui, at + 1 < count, icons::ICON_CHEVRON_RIGHT, after);
    if back { at.checked_sub(1) } else { on.then_some(at + 1) }
}

/// Layout class of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakpoint {
    /// One column.
    Phone,
    /// Two columns.
    Tablet,
    /// All columns.
    Desktop,
}

impl Breakpoint {
    /// From a page's width in points.
    pub fn of(width: f32) -> Self {
        match width {
            width if width < 560.0 => Self::Phone,
            width if width < 980.0 => Self::Tablet,
            _ => Self::Desktop,
        }
    }
}

/// Items in rows of `columns` columns, each `width` points wide.
pub fn grid_ui<T>(
    ui: &mut Ui,
    (columns, width): (usize, f32),
    gap: f32,
    items: &[T],
    mut each: impl FnMut(&mut Ui, &T),
) {
    for row in items.chunks(columns.max(1)) {
        columns_ui(ui, gap, &vec![width; row.len()], |ui, place| each(ui, &row[place]));
    }
}

/// Two columns, the right one `right` points wide, or one below the other on a phone. `part` draws the left one (0) and the right
/// one (1).
pub fn beside_ui(ui: &mut Ui, right: f32, gap: f32, mut part: impl FnMut(&mut Ui, usize)) {
    let width = ui.available_width();
    if Breakpoint::of(width) == Breakpoint::Phone {
        part(ui, 0);
        return part(ui, 1);
    }
    columns_ui(ui, gap, &[width - right - gap, right], part);
}

/// Text with all search hits highlighted.
pub fn lit_text(
    text: &str,
    places: &[std::ops::Range<usize>],
    current: Option<usize>,
    size: f32,
    palette: &Palette,
) -> egui::text::LayoutJob {
    let format = |background: Color32, colour: Color32| TextFormat {
        background,
        line_height: Some((size * 1.5).round()),
        ..TextFormat::simple(FontId::proportional(size), colour)
    };
    let plain = || format(Color32::TRANSPARENT, palette.text);
    let mut job = egui::text::LayoutJob::default();
    let mut from = 0;
    for (number, place) in places.iter().enumerate() {
        job.append(text.get(from..place.start).unwrap_or_default(), 0.0, plain());
        let (fill, colour) = if current == Some(number) {
            (palette.accent, palette.on_accent)
        } else {
            (theme::mix(palette.panel, palette.accent, 0.3), palette.text)
        };
        job.append(text.get(place.clone()).unwrap_or_default(), 0.0, format(fill, colour));
        from = place.end;
    }
    job.append(text.get(from..).unwrap_or_default(), 0.0, plain());
    job
}

/// Case-insensitive occurrences of `search` in `text`: byte ranges, in order, without overlap.
pub fn places(text: &str, search: &str) -> Vec<std::ops::Range<usize>> {
    let fold = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    let wanted: Vec<char> = search.trim().chars().map(fold).collect();
    let Some(first) = wanted.first() else { return Vec::new() };
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (start, letter) in text.char_indices() {
        if fold(letter) != *first || found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let mut letters = text.get(start..).unwrap_or_default().char_indices();
        let same =
            wanted.iter().all(|wanted| letters.next().is_some_and(|(_, letter)| fold(letter) == *wanted));
        if same {
            let end = letters.next().map_or(text.len(), |(after, _)| start + after);
            found.push(start..end);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_whatever_the_case_and_never_overlap() {
        assert_eq!(places("Anna and anna", "ANNA"), [0..4, 9..13]);
        assert_eq!(places("aaaa", "aa"), [0..2, 2..4]);
        assert_eq!(places("Ärger, ärger", "ärger"), [0..6, 8..14]);
        assert!(places("text", "  ").is_empty());
        assert!(places("", "a").is_empty());
    }
}
