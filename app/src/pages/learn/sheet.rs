//! A printable lesson: a self-contained HTML file with room to write.

use super::lesson::{Instrument, Lesson, Plot};
use super::markdown::{self, escaped};
use super::measures;
use std::fmt::Write as _;

const STYLE: &str = "@page{margin:18mm}body{font:11pt/1.5 'Noto Sans',system-ui,sans-serif;max-width:40em;margin:2em auto;padding:0 1em;\
    color:#14201a;background:#fff}h1{font-size:20pt;line-height:1.2;margin:0}h2{font-size:13pt;margin:1.2em 0 .3em}code,pre{font:10pt \
    ui-monospace,monospace}pre{background:#edf3ee;padding:.6em;white-space:pre-wrap}.quiet{color:#5a6a62}section{border-top:1px solid \
    #d5dfd8;margin-top:1.2em;break-inside:avoid}ul.choices{list-style:none;padding:0}ul.choices li::before{content:'☐ '}.line{border-bottom:\
    1px solid #5a6a62;height:2em}";

/// The sheet of a lesson, given its number from 1 and the address that opens it.
pub fn html(lesson: &Lesson, number: usize, address: &str) -> String {
    let head = &lesson.head;
    let title = escaped(&head.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<p class=\"quiet\">Glasshouse · lesson {number} · about {} minutes · name:</p>\n\
         <h1>{title}</h1>\n{}",
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
    writeln!(page, "<section><h2>Predict first</h2><p>{question}</p>{answer}</section>").ok();
    let about = measures::find(&head.check.measure).map_or("", |measure| measure.about);
    writeln!(
        page,
        "<section><h2>Then measure</h2><p>{}</p><p>Measured: {}.</p><div class=\"line\"></div><p>Did the prediction hold, and what does \
         that say?</p><div class=\"line\"></div><div class=\"line\"></div></section>",
        escaped(&looked_at(&head.instrument)),
        escaped(about)
    )
    .ok();
    if !head.code.is_empty() {
        let places: String = head
            .code
            .iter()
            .map(|code| {
                let kernel = code.kernel.as_ref();
                let kernel = kernel.map(|kernel| format!(" · kernel <code>{}</code>", escaped(kernel)));
                let (what, file) = (escaped(&code.what), escaped(&code.file));
                format!("<li>{what}: <code>{file}</code>{}</li>", kernel.unwrap_or_default())
            })
            .collect();
        writeln!(page, "<section><h2>In the code</h2><ul>{places}</ul></section>").ok();
    }
    writeln!(page, "<p class=\"quiet\">Opens with <code>{}</code></p>", escaped(address)).ok();
    page
}

fn looked_at(instrument: &Instrument) -> String {
    match (instrument.view, instrument.plot, &instrument.tokens) {
        (Some(view), ..) => format!("View: {}, with the prompt “{}”.", view.title(), instrument.prompt),
        (_, Some(plot), _) => format!("View: {}.", called(plot)),
        (_, _, Some(text)) => format!("View: the tokens of “{text}”."),
        _ => String::new(),
    }
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
    fn a_sheet_has_the_text_the_choices_and_the_code_and_fetches_nothing() {
        for (number, lesson) in Library::of(&[]).lessons.iter().enumerate() {
            let page = html(lesson, number + 1, "?lesson=1&preset=first-stories");
            for choice in &lesson.head.prediction.choices {
                assert!(page.contains(&format!("<li>{}</li>", escaped(&choice.text))), "{}", lesson.name);
            }
            for code in &lesson.head.code {
                assert!(page.contains(&code.file), "{}", lesson.name);
                let kernel = code.kernel.as_ref().map(|kernel| format!("kernel <code>{kernel}</code>"));
                assert!(kernel.is_none_or(|kernel| page.contains(&kernel)), "{}", lesson.name);
            }
            assert!(page.contains("?lesson=1&amp;preset=first-stories") && page.contains("<h2>Try it</h2>"));
            for fetches in ["src=", "href=", "url(", "<script"] {
                assert!(!page.contains(fetches), "{} {fetches}", lesson.name);
            }
        }
    }
}
