//! Word documents (`.docx`): the text of the archive's main part as Markdown, with its notes at the end and formulas as lines.

use super::archive::{Package, each_element};
use super::notices::Notice;
use super::open::{Items, one};
use super::record::Context;
use super::wiki::plain;
use crate::document::Kind;
use crate::extract::script::{Script, formula, meet, with_fractions};
use crate::files::Input;
use quick_xml::events::{BytesStart, Event};
use rustc_hash::FxHashMap;

/// Maximum nesting of a formula; deeper parts are joined.
const MAX_DEPTH: usize = 64;

/// The characters of the font Symbol from 0x20 to 0x7e, from 0xa1 to 0xef, and from 0xf1 to 0xfe.
const SYMBOL: [(u32, &str); 3] = [
    (0x20, " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"),
    (0xa1, "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"),
    (0xf1, "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"),
];

pub(super) fn items(context: &Context, file: Box<dyn Input>) -> Items {
    let text = Package::open(file).and_then(|mut package| text(context, &mut package));
    let text = text.map_err(|reason| context.trouble(None, reason));
    one(text.map(|text| context.document(None, Kind::Markdown, text)))
}

fn text(context: &Context, package: &mut Package) -> Result<String, String> {
    let main = package.related("", "officeDocument").unwrap_or_else(|| "word/document.xml".to_owned());
    let part =
        |package: &mut Package, name: &str| package.part(name, context.source.size, &context.settings.limits);
    let body = part(package, &main)?.ok_or("has no text: it is not a Word document; rename it to .zip")?;
    let mut reader = Reader { context: Some(context), ..Reader::default() };
    let path = package.related(&main, "styles").unwrap_or_else(|| "word/styles.xml".to_owned());
    // A document whose styles cannot be read still has its text.
    reader.styles = scripts(&part(package, &path).ok().flatten().unwrap_or_default());
    for kind in ["footnotes", "endnotes"] {
        let path = package.related(&main, kind).unwrap_or_else(|| format!("word/{kind}.xml"));
        if let Some(notes) = part(package, &path)? {
            reader.read(&notes)?;
        }
    }
    reader.text.clear();
    reader.read(&body)?;
    for (number, reference) in std::mem::take(&mut reader.references).iter().enumerate() {
        // Each is written once, however often it is referred to.
        match reader.notes.get_mut(reference).map(std::mem::take) {
            Some(note) if note.is_empty() => {}
            Some(note) => reader.text.push_str(&format!("[{}] {}\n\n", number + 1, note.trim())),
            None => context.notice(Notice::Note, None),
        }
    }
    reader.text.truncate(reader.text.trim_end().len());
    Ok(with_fractions(reader.text))
}

/// The raised and lowered character styles, by their ids.
fn scripts(styles: &str) -> FxHashMap<String, Script> {
    let (mut scripts, mut id) = (FxHashMap::default(), None);
    each_element(styles, |name, value| {
        if name == "style" {
            id = value("w:styleId").filter(|_| value("w:type").is_some_and(|kind| kind == "character"));
        } else if let Some(id) = &id {
            let value = value("w:val").unwrap_or_default();
            let script = match name {
                "basedOn" => scripts.get(&value).copied(),
                name => script(name, &value),
            };
            scripts.extend(Some(id.clone()).zip(script));
        }
    });
    scripts
}

/// Whether a field's instruction is a formula: `EQ \\f(1,2)`.
fn is_equation(instruction: &str) -> bool {
    let mut name = instruction.trim_start().split(|letter: char| !letter.is_ascii_alphabetic());
    name.next().is_some_and(|name| name.eq_ignore_ascii_case("eq"))
}

/// How a property of a run raises or lowers its text. Positions are in half points; smaller ones are adjustments.
fn script(property: &str, value: &str) -> Option<Script> {
    match (property, value, value.parse::<i32>()) {
        ("vertAlign", "superscript", _) | ("position", _, Ok(4..)) => Some(Script::Raised),
        ("vertAlign", "subscript", _) | ("position", _, Ok(..=-4)) => Some(Script::Lowered),
        _ => None,
    }
}

#[derive(Default)]
struct Reader<'c> {
    context: Option<&'c Context>,
    styles: FxHashMap<String, Script>,
    text: String,
    paragraph: String,
    /// The mark of a heading or an item.
    mark: String,
    /// The text of the current run, and how it is raised.
    run: String,
    script: Option<Script>,
    /// Raised text of the last runs, which Word divides anywhere.
    scripted: Option<(Script, String)>,
    /// Depth of tables, whose cells are joined to rows.
    tables: usize,
    /// Open elements of a formula, and the number of those that are too deep.
    formula: Vec<Part>,
    deeper: usize,
    /// Whether the digits of the next run are of another number than those before.
    digits_end: bool,
    /// The notes by kind and number, and those referred to, in order.
    notes: FxHashMap<(bool, String), String>,
    references: Vec<(bool, String)>,
    note: Option<(bool, String)>,
}

/// An element of a formula.
#[derive(Default)]
struct Part {
    name: String,
    parts: Vec<String>,
    /// Whether the last part is a run, which the next run continues.
    ends_in_run: bool,
}

impl Reader<'_> {
    fn read(&mut self, xml: &str) -> Result<(), String> {
        let wrong = |error: &dyn std::fmt::Display| format!("is not XML: {error}");
        let mut reader = quick_xml::Reader::from_str(xml);
        loop {
            let event = reader.read_event().map_err(|error| wrong(&error))?;
            let is_empty = matches!(event, Event::Empty(_));
            match event {
                Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                    name @ ("w:t" | "m:t") if !is_empty => {
                        let raw = reader.read_text(tag.name()).map_err(|error| wrong(&error))?;
                        let text = plain(&raw)?;
                        match self.formula.last_mut().filter(|_| name == "m:t") {
                            Some(part) => part.parts.push(text),
                            None => self.run.push_str(&text),
                        }
                    }
                    // A formula as a field, in Word's older language.
                    "w:instrText" if !is_empty => {
                        let raw = reader.read_text(tag.name()).map_err(|error| wrong(&error))?;
                        if is_equation(&raw) {
                            self.left_out(Notice::Equation);
                        }
                    }
                    // Text that was moved away, or that repeats what stands before it for older programs; an earlier style.
                    "w:moveFrom" | "mc:Fallback" | "w:pPrChange" | "w:rPrChange" if !is_empty => {
                        reader.read_to_end(tag.name()).map_err(|error| wrong(&error))?;
                    }
                    name if name.starts_with("m:") => self.start_formula(name, &tag, is_empty),
                    name => self.start(name, &tag, is_empty),
                },
                Event::End(tag) => match tag.name().as_ref() {
                    name if name.starts_with("m:") => self.end_formula(),
                    name => self.end(name),
                },
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn start(&mut self, name: &str, tag: &BytesStart<'_>, is_empty: bool) {
        match name {
            "w:r" if !is_empty => self.end_run(),
            "w:tab" => self.run.push('\t'),
            "w:br" | "w:cr" => self.run.push('\n'),
            "w:noBreakHyphen" => self.run.push('-'),
            "w:sym" => self.symbol(tag),
            "w:rStyle" => self.script = self.styles.get(&value(tag, "w:val")).copied(),
            "w:vertAlign" => self.script = script("vertAlign", &value(tag, "w:val")),
            "w:position" => self.script = self.script.or(script("position", &value(tag, "w:val"))),
            "w:fldSimple" if is_equation(&value(tag, "w:instr")) => {
                self.left_out(Notice::Equation);
            }
            "o:OLEObject" if value(tag, "ProgID").starts_with("Equation") => self.left_out(Notice::Equation),
            "w:footnoteReference" | "w:endnoteReference" => {
                self.references.push((name == "w:endnoteReference", value(tag, "w:id")));
                self.script = None;
                self.run.push_str(&format!("[{}]", self.references.len()));
            }
            "w:footnote" | "w:endnote" if !is_empty => {
                self.text.clear();
                self.note = Some((name == "w:endnote", value(tag, "w:id")));
            }
            "w:pStyle" => {
                let style = value(tag, "w:val").to_lowercase();
                let level = match style.strip_prefix("heading") {
                    Some(level) => level.trim().parse().ok().filter(|level| (1..=6).contains(level)),
                    None => (style == "title").then_some(1),
                };
                if let Some(level) = level {
                    self.mark = format!("{} ", "#".repeat(level));
                }
            }
            "w:numPr" if self.mark.is_empty() => "- ".clone_into(&mut self.mark),
            "w:tbl" if !is_empty => self.tables += 1,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "w:r" => self.end_run(),
            "w:p" => self.end_paragraph(),
            "w:tc" => {
                self.text.truncate(self.text.trim_end_matches(' ').len());
                self.text.push_str(" | ");
            }
            "w:tr" => {
                self.text.truncate(self.text.trim_end_matches([' ', '|']).len());
                self.text.push('\n');
            }
            "w:tbl" => {
                self.tables = self.tables.saturating_sub(1);
                self.text.push('\n');
            }
            "w:footnote" | "w:endnote" => {
                let text = std::mem::take(&mut self.text);
                self.notes.extend(self.note.take().zip(Some(text)));
            }
            _ => {}
        }
    }

    fn end_run(&mut self) {
        let (run, script) = (std::mem::take(&mut self.run), self.script.take());
        if run.is_empty() {
            return;
        }
        match (&mut self.scripted, script) {
            (Some((last, text)), Some(script)) if *last == script => text.push_str(&run),
            _ => {
                self.end_script();
                match script {
                    Some(script) => self.scripted = Some((script, run)),
                    None => {
                        if std::mem::take(&mut self.digits_end) && meet(&self.paragraph, &run) {
                            self.paragraph.push(' ');
                        }
                        self.paragraph.push_str(&run);
                    }
                }
            }
        }
    }

    fn end_script(&mut self) {
        if let Some((script, text)) = self.scripted.take() {
            let written = script.write(&self.paragraph, &text);
            self.paragraph.push_str(&written);
        }
    }

    fn end_paragraph(&mut self) {
        self.end_run();
        self.end_script();
        let own = self.paragraph.trim();
        if self.tables > 0 {
            self.text.push_str(own);
            self.text.push(' ');
        } else if !own.is_empty() {
            let is_list = self.mark == "- ";
            // After a list.
            if !is_list && self.text.ends_with('\n') && !self.text.ends_with("\n\n") {
                self.text.push('\n');
            }
            self.text.push_str(&self.mark);
            self.text.push_str(own);
            self.text.push_str(if is_list { "\n" } else { "\n\n" });
        }
        self.paragraph.clear();
        self.mark.clear();
    }

    fn start_formula(&mut self, name: &str, tag: &BytesStart<'_>, is_empty: bool) {
        if is_empty {
            let value = value(tag, "m:val");
            match (name, self.formula.as_mut_slice()) {
                // The sign of a sum, or an accent.
                ("m:chr", [.., part]) => part.parts.push(value),
                ("m:type", [.., fraction, _]) if value == "noBar" => fraction.name = value,
                _ => {}
            }
        } else if self.formula.len() < MAX_DEPTH {
            let name = name.strip_prefix("m:").unwrap_or(name).to_owned();
            self.formula.push(Part { name, ..Part::default() });
        } else {
            self.deeper += 1;
        }
    }

    fn end_formula(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let Some(Part { name, mut parts, .. }) = self.formula.pop() else { return };
        parts.retain(|part| !part.is_empty());
        let written = formula(&name, &parts);
        match self.formula.last_mut() {
            Some(outer) => {
                let is_run = name == "r";
                match outer.parts.last_mut().filter(|_| is_run && outer.ends_in_run) {
                    Some(last) => last.push_str(&written),
                    None => outer.parts.push(written),
                }
                outer.ends_in_run = is_run;
            }
            None => {
                self.end_run();
                self.digits_end = true;
                self.run = written;
                self.end_run();
                self.digits_end = true;
            }
        }
    }

    fn left_out(&mut self, what: Notice) {
        self.digits_end = true;
        if let Some(context) = self.context {
            context.notice(what, None);
        }
    }

    fn symbol(&mut self, tag: &BytesStart<'_>) {
        let code = u32::from_str_radix(&value(tag, "w:char"), 16).unwrap_or_default();
        let letter = match (code, value(tag, "w:font").as_str()) {
            (0xf000..0xf100, "Symbol") => SYMBOL.iter().find_map(|(first, letters)| {
                letters.chars().nth((code - 0xf000).checked_sub(*first)? as usize)
            }),
            (0xf0b7 | 0xf0a7, _) => Some('•'),
            (0xf0df, "Wingdings") => Some('←'),
            (0xf0e0, "Wingdings") => Some('→'),
            (0xf0fc, "Wingdings") => Some('✓'),
            (0xe000..0xf900, _) => None,
            _ => char::from_u32(code).filter(|letter| !letter.is_control()),
        };
        match letter {
            Some(letter) => self.run.push(letter),
            None => self.left_out(Notice::Symbol),
        }
    }
}

/// An attribute; empty if it is absent.
fn value(tag: &BytesStart<'_>, name: &str) -> String {
    tag.try_get_attribute(name).ok().flatten().map(|own| own.value.into_owned()).unwrap_or_default()
}
