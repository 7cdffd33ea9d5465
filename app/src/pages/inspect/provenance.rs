//! Where a text comes from: the stretches of it that stand in the training text, so that what was memorised looks otherwise than what was
//! composed.

use super::chosen::Chosen;
use super::remembered::remembered;
use super::shown::Shown;
use crate::format;
use crate::pages::parts::{Ranked, Ranking, caption, head, visible};
use crate::pages::written::legend_ui;
use crate::theme::{self, Palette, space};
use crate::widgets::{Piece, Stat, plain, raised, shaded_text, stat};
use egui::{Color32, FontId, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::inspect::{Detail, Match};

/// Tokens from which on a stretch is as strong as it gets.
const LONG: usize = 64;

/// What was found.
struct Found<'a> {
    matches: &'a [Match],
    searched: usize,
    index_bytes: u64,
    build_ms: f64,
}

/// Draws the view, and notes in `chosen` what was pressed in it.
pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let take = plain(ui, icons::ICON_EDIT_NOTE, "Use the last written text");
    if take.on_hover_text("What a model wrote last on Write or in Chat becomes the text above").clicked() {
        chosen.take_written = true;
    }
    let found = shown.data.details.iter().find_map(|detail| match detail {
        Detail::Matches { matches, searched, index_bytes, build_ms } => {
            Some(Found { matches, searched: *searched, index_bytes: *index_bytes, build_ms: *build_ms })
        }
        _ => None,
    });
    let Some(found) = found else {
        caption(ui, "There is no training text to look in.");
        return;
    };
    numbers_ui(ui, shown, &found);
    remembered(ui, "place", |ui, place: &mut Option<usize>| {
        text_ui(ui, shown, &found, place);
        if let Some(stretch) = place.and_then(|place| covering(found.matches, place)) {
            stretch_ui(ui, shown.palette, stretch);
        }
        list_ui(ui, shown.palette, &found, place);
    });
}

fn numbers_ui(ui: &mut Ui, shown: &Shown<'_>, found: &Found<'_>) {
    let cut = shown.inspection.cut;
    let tokens = cut + shown.inspection.tokens.len();
    let covered = (0..tokens).filter(|place| covering(found.matches, *place).is_some()).count();
    let longest = found.matches.iter().map(|stretch| stretch.length).max();
    ui.horizontal_wrapped(|ui| {
        let length = longest
            .map_or_else(|| format::NOTHING.to_owned(), |tokens| format::counted(tokens as u64, "token"));
        stat(ui, 130.0, Stat { name: "longest stretch", value: &length, exact: "" });
        let share = format::percent(covered as f64 / tokens.max(1) as f64);
        let exact = format!("{covered} of {tokens} tokens");
        stat(ui, 130.0, Stat { name: "of the text in stretches", value: &share, exact: &exact });
    });
    let searched = format::counted(found.searched as u64, "token");
    let built = if found.build_ms > 0.0 {
        format!("built in {}", format::milliseconds(found.build_ms))
    } else {
        "which was there already".to_owned()
    };
    let bytes = format::bytes(found.index_bytes);
    caption(ui, format!("Looked through {searched} of training text by an index of {bytes}, {built}."));
}

/// The text, each stretch as strong as it is long.
fn text_ui(ui: &mut Ui, shown: &Shown<'_>, found: &Found<'_>, place: &mut Option<usize>) {
    let palette = shown.palette;
    let legend = [
        (strength(palette, 4), "4 tokens"),
        (strength(palette, 16), "16"),
        (strength(palette, LONG), "64 and more: memorised"),
    ];
    legend_ui(ui, palette, &legend);
    let cut = shown.inspection.cut;
    let lit = place.map(|place| (place, covering(found.matches, place)));
    let [_, line, ..] = palette.series;
    let piece = |(at, token): (usize, &glasshouse_protocol::inspect::TokenText)| {
        // Stretches count from the beginning of the whole text.
        let at = at + cut;
        let own = covering(found.matches, at);
        let (fill, line, hover) = match own {
            Some(own) => (
                strength(palette, own.length),
                line,
                format!(
                    "In a stretch of {} that stands in the training text {}",
                    format::counted(own.length as u64, "token"),
                    times(own)
                ),
            ),
            None => (
                Color32::TRANSPARENT,
                Color32::TRANSPARENT,
                "In no stretch that was found: composed".to_owned(),
            ),
        };
        let lit = lit.is_some_and(|(place, stretch)| place == at || stretch.is_some() && own == stretch);
        Piece { text: token.text.clone(), fill, line, hover, lit }
    };
    let pieces: Vec<Piece> = shown.inspection.tokens.iter().enumerate().map(piece).collect();
    // The arrow keys go from token to token, though the whole stretch is lit.
    let cursor = place.and_then(|place| place.checked_sub(cut));
    if let Some(pressed) = shaded_text(ui, "The text and where it comes from", &pieces, true, cursor) {
        *place = Some(pressed + cut);
    }
    ui.add_space(space::SMALL);
}

/// Where a stretch stands.
fn stretch_ui(ui: &mut Ui, palette: &Palette, stretch: &Match) {
    raised(ui, |ui| {
        ui.set_width(ui.available_width());
        let [before, own, after] = &stretch.context;
        let plain = |text: &String| Piece { text: text.clone(), ..Piece::default() };
        let pieces =
            [plain(before), Piece { fill: strength(palette, stretch.length), ..plain(own) }, plain(after)];
        shaded_text(ui, "Where it stands first", &pieces, false, None);
        let length = format::counted(stretch.length as u64, "token");
        caption(ui, format!("{length}, {} in the training text.", times(stretch)));
        if let Some((number, beginning)) = &stretch.document {
            let number = format::whole(*number + 1);
            caption(ui, format!("First in document {number}, which begins “{}”", beginning.trim()));
        }
    });
    ui.add_space(space::SMALL);
}

/// All stretches, the longest first.
fn list_ui(ui: &mut Ui, palette: &Palette, found: &Found<'_>, place: &mut Option<usize>) {
    if found.matches.is_empty() {
        caption(ui, "No stretch of the text stands in the training text: all of it was composed.");
        return;
    }
    head(ui, "Longest stretches");
    let mut longest: Vec<&Match> = found.matches.iter().collect();
    longest.sort_by_key(|stretch| std::cmp::Reverse(stretch.length));
    let shown = place.and_then(|place| covering(found.matches, place));
    let row = |stretch: &&Match| {
        let name = visible(stretch.context[1].trim());
        let length = format::counted(stretch.length as u64, "token");
        Ranked {
            label: format!("{name}: {length}, {}", times(stretch)),
            hover: name.clone(),
            name,
            bars: vec![(stretch.length as f32, strength(palette, stretch.length * 4))],
            figure: format!("{length}, {}", times(stretch)),
            chosen: shown == Some(*stretch),
            ..Ranked::default()
        }
    };
    let rows: Vec<Ranked> = longest.iter().map(row).collect();
    let ranking = Ranking { font: FontId::monospace(12.0), figures: 116.0, presses: true };
    if let Some(stretch) = ranking.ui(ui, palette, &rows).and_then(|row| longest.get(row)).copied() {
        // Its own place in it where another one overlaps.
        let own = |at: &usize| covering(found.matches, *at) == Some(stretch);
        let range = stretch.start..stretch.start + stretch.length;
        *place = range.clone().find(own).or(Some(range.start));
    }
}

/// The longest stretch that a token is in.
fn covering(matches: &[Match], place: usize) -> Option<&Match> {
    let covers = |stretch: &&Match| (stretch.start..stretch.start + stretch.length).contains(&place);
    matches.iter().filter(covers).max_by_key(|stretch| stretch.length)
}

/// How a stretch of so many tokens is drawn: twice as long is as much stronger.
fn strength(palette: &Palette, length: usize) -> Color32 {
    let share = (length.max(1) as f32).log2() / (LONG as f32).log2();
    let [_, colour, ..] = palette.series;
    theme::mix(palette.panel, colour, 0.08 + 0.42 * share.clamp(0.0, 1.0))
}

fn times(stretch: &Match) -> String {
    match stretch.occurrences {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{} times", format::whole(count as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::DARK;

    fn stretch(start: usize, length: usize) -> Match {
        let context = [String::new(), "x".to_owned(), String::new()];
        Match { start, length, occurrences: 1, context, document: None }
    }

    #[test]
    fn a_token_belongs_to_the_longest_stretch_over_it() {
        let matches = [stretch(0, 4), stretch(2, 9), stretch(20, 3)];
        let start = |place| covering(&matches, place).map(|stretch| stretch.start);
        assert_eq!(
            [0, 1, 2, 3, 10, 11, 20].map(start),
            [Some(0), Some(0), Some(2), Some(2), Some(2), None, Some(20)]
        );
    }

    #[test]
    fn longer_stretches_are_stronger() {
        let red = |length| strength(&DARK, length).r();
        assert!(red(2) < red(8) && red(8) < red(64));
        assert_eq!(strength(&DARK, 64), strength(&DARK, 1000));
    }
}
