//! Inline code in messages: text between backticks is drawn in the code font. The backticks stay visible, since a message may
//! quote a file name, pattern or token that contains backticks itself.

use super::prelude::*;
use egui::{FontFamily, FontSelection, WidgetText};

/// A sentence with inline code, unchanged as text for screen readers. `look` styles its words; code differs in its font.
pub fn with_code(ui: &Ui, text: &str, look: impl Fn(RichText) -> RichText) -> WidgetText {
    let (spans, rest) = spans(text);
    if spans.is_empty() {
        return look(RichText::new(text)).into();
    }
    let mut job = LayoutJob::default();
    let mut add = |words: &str, is_code: bool| {
        let words = look(RichText::new(words));
        let words = if is_code { words.family(FontFamily::Monospace) } else { words };
        words.append_to(&mut job, ui.style(), FontSelection::Default, ui.text_valign());
    };
    for (before, code) in spans {
        add(before, false);
        add(code, true);
    }
    add(rest, false);
    job.into()
}

/// Pairs of plain text and the following code with its backticks, and the plain text at the end. An unpaired backtick is literal,
/// and so are two with nothing between them.
fn spans(text: &str) -> (Vec<(&str, &str)>, &str) {
    let (mut spans, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('`')
        && let Some(length @ 1..) = behind.find('`')
    {
        let (code, behind) = rest[before.len()..].split_at(length + 2);
        spans.push((before, code));
        rest = behind;
    }
    (spans, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_around_code_or_for_themselves() {
        assert_eq!(spans("plain"), (vec![], "plain"));
        assert_eq!(spans("take `all` or `last:N`."), (vec![("take ", "`all`"), (" or ", "`last:N`")], "."));
        assert_eq!(spans("`ünïcode` and `half"), (vec![("", "`ünïcode`")], " and `half"));
        // A token that is a backtick.
        assert_eq!(spans("takes number 7, ```"), (vec![], "takes number 7, ```"));
    }

    #[test]
    fn code_has_its_font_and_the_size_of_the_sentence_and_every_letter_stays() {
        let mut seen = 0;
        crate::widgets::drawn(|ui| {
            let red = egui::Color32::RED;
            let look = |words: RichText| words.text_style(theme::caption()).color(red);
            // The second code is a file name that contains backticks.
            let text = "unknown key `setp` in of `mine`.toml";
            let WidgetText::LayoutJob(job) = with_code(ui, text, look) else {
                panic!("no spans");
            };
            assert_eq!(job.text, text);
            let code =
                job.sections.iter().find(|section| section.format.font_id.family == FontFamily::Monospace);
            let code = code.expect("a span of code");
            assert_eq!(&job.text[code.byte_range.start.0..code.byte_range.end.0], "`setp`");
            assert!(job.sections.iter().all(|section| section.format.color == red));
            let size = theme::caption().resolve(ui.style()).size;
            assert!(job.sections.iter().all(|section| section.format.font_id.size == size));
            assert!(matches!(with_code(ui, "no code", look), WidgetText::RichText(_)));
            seen += 1;
        });
        assert!(seen > 0);
    }
}
