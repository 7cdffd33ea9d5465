//! Provenance of a text: the spans of it that occur in the training text, so that memorised text looks different from new text.

use super::{Chosen, Shown, remembered};
use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{Detail, Match, Place};

/// Length in tokens from which a span has the strongest colour.
const LONG: usize = 64;

struct ProvenanceResult<'a> {
    matches: &'a [Match],
    /// Number of spans, listed or not.
    count: usize,
    /// For each visible token the length of its longest span, listed or not.
    longest: Vec<usize>,
    searched: usize,
    index_bytes: u64,
    build_ms: f64,
}

impl<'a> ProvenanceResult<'a> {
    fn of(shown: &Shown<'a>) -> Option<Self> {
        let detail = shown.data.details.iter().find(|detail| matches!(detail, Detail::Matches { .. }));
        let Some(Detail::Matches { matches, found, searched, index_bytes, build_ms }) = detail else {
            return None;
        };
        let longest = shown.data.integers("longest").iter().map(|length| *length as usize).collect();
        let (searched, index_bytes, build_ms) = (*searched, *index_bytes, *build_ms);
        Some(Self { matches, count: matches.len().max(*found), longest, searched, index_bytes, build_ms })
    }
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let take = plain(ui, icons::ICON_EDIT_NOTE, "Use the last written text");
    if take.on_hover_text("Use the last text from Write or Chat as the prompt").clicked() {
        chosen.take_written = true;
    }
    let Some(found) = ProvenanceResult::of(shown) else {
        return caption(ui, "There is no training text to search.");
    };
    numbers_ui(ui, &found);
    remembered(ui, "place", |ui, place: &mut Option<usize>| {
        text_ui(ui, shown, &found, place);
        if let Some(place) = *place {
            match covering(found.matches, place) {
                Some(span) => span_ui(ui, shown.palette, span),
                None => {
                    let at = place.checked_sub(shown.inspection.cut);
                    if let Some(length) = at.and_then(|at| found.longest.get(at)) {
                        caption(ui, said(*length, None));
                    }
                }
            }
        }
        list_ui(ui, shown.palette, &found, place);
    });
}

fn numbers_ui(ui: &mut Ui, found: &ProvenanceResult<'_>) {
    let tokens = found.longest.len();
    let covered = found.longest.iter().filter(|length| **length > 0).count();
    let longest = found.matches.iter().map(|span| span.length).max();
    ui.horizontal_wrapped(|ui| {
        let length = longest
            .map_or_else(|| format::NOTHING.to_owned(), |tokens| format::counted(tokens as u64, "token"));
        stat(ui, 130.0, Stat { name: "longest span", value: &length, exact: "" });
        let share = format::percent(covered as f64 / tokens.max(1) as f64);
        let exact = format!("{covered} of {tokens} tokens");
        stat(ui, 130.0, Stat { name: "of the text in spans", value: &share, exact: &exact });
    });
    let searched = format::counted(found.searched as u64, "token");
    let built = if found.build_ms > 0.0 {
        format!("built in {}", format::milliseconds(found.build_ms))
    } else {
        "built earlier".to_owned()
    };
    let bytes = format::bytes(found.index_bytes);
    caption(ui, format!("Searched {searched} of training text with an index of {bytes}, {built}."));
}

/// The text, with longer spans in stronger colours.
fn text_ui(ui: &mut Ui, shown: &Shown<'_>, found: &ProvenanceResult<'_>, place: &mut Option<usize>) {
    let palette = shown.palette;
    // Legend, in the colours of the text below.
    ui.horizontal_wrapped(|ui| {
        for (length, words) in [(4, " 4 tokens "), (16, " 16 "), (LONG, " 64 and more: memorised ")] {
            let words = RichText::new(words).text_style(theme::caption()).color(palette.text);
            ui.label(words.background_color(strength(palette, length)));
        }
    });
    let cut = shown.inspection.cut;
    let lit = place.map(|place| (place, covering(found.matches, place)));
    let [_, line, ..] = palette.series;
    let piece = |(at, token): (usize, &glasshouse_protocol::inspect::TokenText)| {
        let length = found.longest.get(at).copied().unwrap_or_default();
        // Spans count from the beginning of the whole text.
        let at = at + cut;
        let own = covering(found.matches, at);
        let (fill, line) = match length {
            0 => (Color32::TRANSPARENT, Color32::TRANSPARENT),
            length => (strength(palette, length), line),
        };
        let hover = said(length, own.filter(|own| own.length == length));
        let lit = lit.is_some_and(|(place, span)| place == at || span.is_some() && own == span);
        Piece { text: token.text.clone(), fill, line, hover, lit }
    };
    let pieces: Vec<Piece> = shown.inspection.tokens.iter().enumerate().map(piece).collect();
    // The arrow keys move by token, although the whole span is highlighted.
    let cursor = place.and_then(|place| place.checked_sub(cut));
    if let Some(pressed) = shaded_text(ui, "The text and where it comes from", &pieces, true, cursor) {
        *place = Some(pressed + cut);
    }
    ui.add_space(space::SMALL);
}

/// Description of a token from the length of its longest span, and from the span if it is listed.
fn said(length: usize, listed: Option<&Match>) -> String {
    let tokens = format::counted(length as u64, "token");
    match (length, listed) {
        (0, _) => "In no matching span: composed".to_owned(),
        (_, Some(own)) => format!("In a span of {tokens} that occurs in the training text {}", times(own)),
        (_, None) => {
            format!("In a span of {tokens} that occurs in the training text (not listed below)")
        }
    }
}

fn span_ui(ui: &mut Ui, palette: &Palette, span: &Match) {
    raised(ui, |ui| {
        ui.set_width(ui.available_width());
        let [before, own, after] = &span.context;
        let plain = |text: &String| Piece { text: text.clone(), ..Piece::default() };
        let pieces =
            [plain(before), Piece { fill: strength(palette, span.length), ..plain(own) }, plain(after)];
        shaded_text(ui, "First occurrence", &pieces, false, None);
        let length = format::counted(span.length as u64, "token");
        caption(ui, format!("{length}, {} in the training text.", times(span)));
        if let Some((number, beginning)) = &span.document {
            let number = format::whole(*number + 1);
            caption(ui, format!("First in document {number}, “{}”", beginning.trim()));
        }
        caption(ui, places(span));
    });
    ui.add_space(space::SMALL);
}

fn list_ui(ui: &mut Ui, palette: &Palette, found: &ProvenanceResult<'_>, place: &mut Option<usize>) {
    if found.count == 0 {
        return;
    }
    head(ui, "Longest spans");
    if found.matches.len() < found.count {
        let [listed, all] = [found.matches.len(), found.count].map(|count| format::whole(count as u64));
        caption(ui, format!("The longest {listed} of {all}. All of them shade the text above."));
    }
    let mut longest: Vec<&Match> = found.matches.iter().collect();
    longest.sort_by_key(|span| std::cmp::Reverse(span.length));
    let shown = place.and_then(|place| covering(found.matches, place));
    let row = |span: &&Match| {
        let name = visible(span.context[1].trim());
        let length = format::counted(span.length as u64, "token");
        Ranked {
            label: format!("{name}: {length}, {}", times(span)),
            hover: name.clone(),
            name,
            bars: vec![(span.length as f32, strength(palette, span.length * 4))],
            figure: format!("{length}, {}", times(span)),
            chosen: shown == Some(*span),
            ..Ranked::default()
        }
    };
    let rows: Vec<Ranked> = longest.iter().map(row).collect();
    let ranking = Ranking { font: FontId::monospace(12.0), figures: 116.0, presses: true };
    if let Some(span) = ranking.ui(ui, palette, &rows).and_then(|row| longest.get(row)).copied() {
        // A position where this span is the longest one.
        let own = |at: &usize| covering(found.matches, *at) == Some(span);
        let range = span.start..span.start + span.length;
        *place = range.clone().find(own).or(Some(range.start));
    }
}

/// The longest listed span that contains a token.
fn covering(matches: &[Match], place: usize) -> Option<&Match> {
    let covers = |span: &&Match| (span.start..span.start + span.length).contains(&place);
    matches.iter().filter(covers).max_by_key(|span| span.length)
}

/// Colour of a span. It grows with the logarithm of the length, faster for long spans, because strong colours are harder to
/// distinguish. The maximum is about half of the full colour, so that text stays readable on it.
fn strength(palette: &Palette, length: usize) -> Color32 {
    let share = (length.max(1) as f32).log2() / (LONG as f32).log2();
    let [_, colour, ..] = palette.series;
    theme::mix(palette.panel, colour, 0.08 + 0.46 * share.clamp(0.0, 1.0).powi(2))
}

/// Positions of a span in the training text, in words.
fn places(span: &Match) -> String {
    let place = |place: &Place| match place.document {
        Some(number) => format!("{} in document {}", format::whole(place.token), format::whole(number + 1)),
        None => format::whole(place.token),
    };
    let first = format!("It begins at token {} of the training text", format::whole(span.place));
    match span.further.as_slice() {
        [] => format!("{first}."),
        further => format!("{first}, then at {}.", further.iter().map(place).collect::<Vec<_>>().join(", ")),
    }
}

fn times(span: &Match) -> String {
    match span.occurrences {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{} times", format::whole(count as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, length: usize) -> Match {
        let context = [String::new(), "x".to_owned(), String::new()];
        Match { start, length, occurrences: 1, context, document: None, place: 7, further: Vec::new() }
    }

    #[test]
    fn what_is_in_no_listed_span_is_composed_only_where_it_is_in_none_at_all() {
        assert_eq!(said(0, None), "In no matching span: composed");
        assert!(said(5, None).contains("of 5 tokens that occurs in the training text (not listed"));
        assert!(said(4, Some(&span(0, 4))).ends_with("in the training text once"));
    }

    #[test]
    fn a_span_says_at_which_tokens_it_stands() {
        let mut span = span(0, 4);
        assert_eq!(places(&span), "It begins at token 7 of the training text.");
        span.further = vec![Place { token: 1200, document: Some(3) }, Place { token: 1300, document: None }];
        assert_eq!(
            places(&span),
            "It begins at token 7 of the training text, then at 1,200 in document 4, 1,300."
        );
    }

    #[test]
    fn a_token_belongs_to_the_longest_span_over_it() {
        let matches = [span(0, 4), span(2, 9), span(20, 3)];
        let start = |place| covering(&matches, place).map(|span| span.start);
        assert_eq!(
            [0, 1, 2, 3, 10, 11, 20].map(start),
            [Some(0), Some(0), Some(2), Some(2), Some(2), None, Some(20)]
        );
    }
}
