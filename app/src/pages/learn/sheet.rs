//! A printable lesson: a self-contained HTML file with room to write.

use super::lesson::{Instrument, Plot};
use super::markdown::escaped;
use super::*;
use std::fmt::Write as _;

const STYLE: &str = "@page{margin:18mm}body{font:11pt/1.5 'Noto Sans',system-ui,sans-serif;max-width:40em;margin:2em auto;padding:0 1em;\
    color:#14201a;background:#fff}h1{font-size:20pt;line-height:1.2;margin:0}h2{font-size:13pt;margin:1.2em 0 .3em}code,pre{font:10pt \
    ui-monospace,monospace}pre{background:#edf3ee;padding:.6em;white-space:pre-wrap}.quiet{color:#5a6a62}section{border-top:1px solid \
    #d5dfd8;margin-top:1.2em;break-inside:avoid}ul.choices{list-style:none;padding:0}ul.choices li::before{content:'☐ '}.line{border-bottom:\
    1px solid #5a6a62;height:2em}.name{display:flex;gap:.6em}.name i{border-bottom:1px solid #5a6a62;flex:1;min-height:1.6em}.name \
    i:first-of-type{flex:3}.pieces{line-height:2}.pieces code{border:1px solid #5a6a62;border-radius:3px;padding:.1em .2em;margin-right:.2em;\
    display:inline-block}";

/// The sheet of a lesson, given its number from 1, the address that opens it, and the tokens of its text, if they are known.
pub fn html(lesson: &Lesson, number: usize, address: &str, pieces: &[String]) -> String {
    let head = &lesson.head;
    let title = escaped(&head.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<p class=\"quiet\">Glasshouse · lesson {number} · about {} minutes</p>\n\
         <p class=\"name\"><span>Name</span><i></i><span>Date</span><i></i></p>\n<h1>{title}</h1>\n{}",
        head.minutes,
        markdown::html(&lesson.text)
    );
    let choices: String =
        head.prediction.choices.iter().map(|choice| format!("<li>{}</li>", escaped(&choice.text))).collect();
    let answer = match &head.prediction.number {
        Some(number) => format!("<p>My number, in {}:</p><div class=\"line\"></div>", escaped(&number.unit)),
        None => format!("<ul class=\"choices\">{choices}</ul>"),
    };
    let question = escaped(&head.prediction.question);
    let asked = asked_about(&head.instrument, pieces);
    writeln!(page, "<section><h2>Predict first</h2>{asked}<p>{question}</p>{answer}</section>").ok();
    let about = measures::find(&head.check.measure).map_or("", |measure| measure.about);
    writeln!(
        page,
        "<section><h2>Then measure</h2><p>Measured: {}.</p><div class=\"line\"></div><p>Did the prediction hold, and what does that \
         say?</p><div class=\"line\"></div><div class=\"line\"></div></section>",
        escaped(about)
    )
    .ok();
    writeln!(page, "<p class=\"quiet\">Opens with <code>{}</code></p>", escaped(address)).ok();
    page
}

/// What the question is about: the text with its tokens, or the runs.
fn asked_about(instrument: &Instrument, pieces: &[String]) -> String {
    let (what, text) = match (instrument.view, instrument.plot, &instrument.tokens) {
        (Some(view), ..) => (view.title(), &instrument.prompt),
        (_, Some(plot), _) => return format!("<p>{}, in Glasshouse.</p>", called(plot)),
        (_, _, Some(text)) => ("Text in tokens", text),
        _ => return String::new(),
    };
    let pieces: String =
        pieces.iter().map(|piece| format!("<code>{}</code>", escaped(&visible(piece)))).collect();
    let pieces = if pieces.is_empty() { pieces } else { format!("<p class=\"pieces\">{pieces}</p>") };
    format!("<p>{what}, of this text:</p><p><q>{}</q></p>{pieces}", escaped(text))
}

pub fn called(plot: Plot) -> &'static str {
    match plot {
        Plot::Loss => "Loss of the latest run",
        Plot::Accuracy => "Accuracy of the latest run",
        Plot::LearningRate => "Learning rate of the latest run",
        Plot::GradientNorm => "Gradient norm of the latest run",
        Plot::Runs => "Validation loss of all runs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::learn::library::Library;

    #[test]
    fn a_sheet_has_text_tokens_choices_and_a_line_for_the_name_but_no_paths() {
        for (number, lesson) in Library::of(&[]).lessons.iter().enumerate() {
            let page = html(lesson, number + 1, "?lesson=1&preset=first-stories", &[" a<".to_owned()]);
            let asked = page.find(&escaped(&lesson.head.prediction.question)).unwrap();
            let Instrument { prompt, tokens, .. } = &lesson.head.instrument;
            let text = escaped(tokens.as_ref().unwrap_or(prompt));
            if !text.is_empty() {
                assert!(page[..asked].contains(&text), "{}", lesson.name);
                assert!(page[..asked].contains("<code>·a&lt;</code>"), "{}", lesson.name);
            }
            for choice in &lesson.head.prediction.choices {
                assert!(page.contains(&format!("<li>{}</li>", escaped(&choice.text))), "{}", lesson.name);
            }
            assert!(!lesson.head.code.iter().any(|code| page.contains(&code.file)), "{}", lesson.name);
            assert!(page.contains("Name") && page.contains("<h2>Try it</h2>"));
            assert!(page.contains("?lesson=1&amp;preset=first-stories"));
            for fetches in ["src=", "href=", "url(", "<script"] {
                assert!(!page.contains(fetches), "{} {fetches}", lesson.name);
            }
        }
    }
}
