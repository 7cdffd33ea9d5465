//! Interprets a page's content for the text it draws and its positions: the operators of text and of transformations. Paths,
//! colours and pictures are ignored.

use super::font::Font;
use super::layout::{Fragment, Fragments};
use crate::read::work::worked;
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{Array, Dict, Name, Number, Object, ObjectIdentifier, Stream};
use hayro_syntax::page::{Page, Resources};
use rustc_hash::FxHashMap;
use std::ops::ControlFlow;
use std::rc::Rc;

/// Maximum nesting of content streams.
const DEPTH: usize = 12;

pub(super) const FRAGMENTS: usize = 200_000;

/// Maximum depth of the graphics state stack.
const STATES: usize = 512;

/// A transformation matrix in PDF order.
type Matrix = [f64; 6];

/// Limits the work for a file: bytes of content processed, counted again for each use.
pub(super) struct Budget {
    pub left: u64,
    /// Codes without a known character.
    pub unknown: u64,
    pub codes: u64,
}

impl Budget {
    fn charge(&mut self, cost: usize) -> ControlFlow<()> {
        worked(cost);
        match self.left.checked_sub(cost as u64) {
            Some(left) => {
                self.left = left;
                ControlFlow::Continue(())
            }
            None => {
                self.left = 0;
                ControlFlow::Break(())
            }
        }
    }
}

pub(super) enum Fault {
    Content,
    Fragments,
    Budget,
}

/// Fonts of a file: by their object, or by the object that contains them and their name in it.
pub(super) type Fonts = FxHashMap<FontKey, Rc<Font>>;

type FontKey = (ObjectIdentifier, Option<Vec<u8>>);

pub(super) fn number(number: Number) -> f64 {
    let value = number.as_f64();
    if value.is_finite() { value.clamp(-1e9, 1e9) } else { 0.0 }
}

/// The text fragments of a page, and why some are missing.
pub(super) fn fragments(
    page: &Page<'_>,
    fonts: &mut Fonts,
    budget: &mut Budget,
) -> (Vec<Fragment>, Option<Fault>) {
    let mut fault = None;
    let mut content = Vec::new();
    let streams = match page.raw().get::<Object<'_>>("Contents") {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Array(each)) => each.iter::<Stream<'_>>().take(1 << 16).collect(),
        _ => Vec::new(),
    };
    for stream in streams {
        // One stream may be listed many times.
        if budget.charge(64 + stream.raw_data().len()).is_break() {
            fault = Some(Fault::Budget);
            break;
        }
        let Some(data) = super::unpacked(&stream) else {
            fault = Some(Fault::Content);
            continue;
        };
        if budget.charge(data.len()).is_break() {
            fault = Some(Fault::Budget);
            break;
        }
        content.extend_from_slice(&data);
        content.push(b' ');
    }
    let mut reader =
        Reader { fonts, budget, depth: 0, hidden: 0, replacing: None, shown: Fragments::default() };
    if reader.run(&content, page.resources(), State::default()).is_break() {
        let is_crowded = reader.shown.all.len() > FRAGMENTS;
        fault = Some(if is_crowded { Fault::Fragments } else { Fault::Budget });
    }
    (reader.shown.all, fault)
}

#[derive(Clone, smart_default::SmartDefault)]
struct State {
    #[default(IDENTITY)]
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    letter_spacing: f64,
    word_spacing: f64,
    #[default = 1.0]
    stretch: f64,
    leading: f64,
    rise: f64,
}

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// Applies the first matrix, then the second.
fn then([a, b, c, d, e, f]: Matrix, [g, h, i, j, k, l]: Matrix) -> Matrix {
    [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l]
}

struct Reader<'r> {
    fonts: &'r mut Fonts,
    budget: &'r mut Budget,
    depth: usize,
    /// Number of open marked-content spans that are running heads or feet.
    hidden: usize,
    /// Replacement text of the current span for the next code; empty after it was used.
    replacing: Option<String>,
    shown: Fragments,
}

impl Reader<'_> {
    /// Runs content that is already charged. Breaks if the budget is exceeded or the page is full.
    fn run(&mut self, content: &[u8], resources: &Resources<'_>, mut state: State) -> ControlFlow<()> {
        if self.depth == DEPTH {
            return ControlFlow::Continue(());
        }
        self.depth += 1;
        let mut kept: Vec<State> = Vec::new();
        let (mut text, mut line) = (IDENTITY, IDENTITY);
        let mut marks: Vec<(bool, bool)> = Vec::new();
        let mut operations = TypedIter::new(content);
        let to = |line: &mut Matrix, text: &mut Matrix, x: f64, y: f64| {
            *line = then([1.0, 0.0, 0.0, 1.0, x, y], *line);
            *text = *line;
        };
        while let Some(operation) = operations.next() {
            if self.shown.all.len() > FRAGMENTS {
                return ControlFlow::Break(());
            }
            match operation {
                Op::SaveState(_) if kept.len() < STATES => kept.push(state.clone()),
                Op::RestoreState(_) => state = kept.pop().unwrap_or(state),
                Op::Transform(m) => {
                    state.matrix = then([m.0, m.1, m.2, m.3, m.4, m.5].map(number), state.matrix);
                }
                Op::BeginText(_) => (text, line) = (IDENTITY, IDENTITY),
                Op::CharacterSpacing(spacing) => state.letter_spacing = number(spacing.0),
                Op::WordSpacing(spacing) => state.word_spacing = number(spacing.0),
                Op::HorizontalScaling(scale) => state.stretch = number(scale.0) / 100.0,
                Op::TextLeading(leading) => state.leading = number(leading.0),
                Op::TextRise(rise) => state.rise = number(rise.0),
                Op::TextFont(font) => {
                    state.size = number(font.1);
                    state.font = match resources.fonts.get::<Dict<'_>>(font.0) {
                        Some(dict) => {
                            let key = match resources.fonts.get_ref(font.0) {
                                Some(reference) => Some((reference.into(), None)),
                                None => dict.obj_id().map(|id| (id, Some(font.0.to_vec()))),
                            };
                            Some(self.font(&dict, key)?)
                        }
                        None => None,
                    };
                }
                Op::SetGraphicsState(name) => {
                    let dict = resources.ext_g_states.get::<Dict<'_>>(name.0).unwrap_or_default();
                    if let Some((font, size)) = dict.get::<(Dict<'_>, f64)>("Font") {
                        let array = dict.get::<Array<'_>>("Font").unwrap_or_default();
                        let reference = array.raw_iter().next().and_then(|font| font.as_obj_ref());
                        let key = reference.map(|reference| (reference.into(), None));
                        (state.font, state.size) = (Some(self.font(&font, key)?), size);
                    }
                }
                Op::NextLine(by) => to(&mut line, &mut text, number(by.0), number(by.1)),
                Op::NextLineAndSetLeading(by) => {
                    state.leading = -number(by.1);
                    to(&mut line, &mut text, number(by.0), number(by.1));
                }
                Op::SetTextMatrix(m) => {
                    line = [m.0, m.1, m.2, m.3, m.4, m.5].map(number);
                    text = line;
                }
                Op::NextLineUsingLeading(_) => to(&mut line, &mut text, 0.0, -state.leading),
                Op::ShowText(string) => self.show(string.0.as_bytes(), &state, &mut text),
                Op::NextLineAndShowText(string) => {
                    to(&mut line, &mut text, 0.0, -state.leading);
                    self.show(string.0.as_bytes(), &state, &mut text);
                }
                Op::ShowTextWithParameters(all) => {
                    state.word_spacing = number(all.0);
                    state.letter_spacing = number(all.1);
                    to(&mut line, &mut text, 0.0, -state.leading);
                    self.show(all.2.as_bytes(), &state, &mut text);
                }
                Op::ShowTexts(items) => self.show_all(items.0, &state, &mut text),
                Op::XObject(name) => {
                    if let Some(form) = resources.x_objects.get::<Stream<'_>>(name.0) {
                        self.form(&form, resources, &state)?;
                    }
                }
                Op::BeginMarkedContent(_) => marks.push((false, false)),
                Op::BeginMarkedContentWithProperties(mark) => {
                    let properties = match mark.1 {
                        Object::Dict(dict) => dict.clone(),
                        Object::Name(name) => resources.properties.get::<Dict<'_>>(name).unwrap_or_default(),
                        _ => Dict::default(),
                    };
                    let kind = properties.get::<Name<'_>>("Type");
                    let is_running = mark.0.as_str() == "Artifact"
                        && kind.is_some_and(|kind| kind.as_str() == "Pagination");
                    let said = properties.get::<hayro_syntax::object::String<'_>>("ActualText");
                    // Longer replacement texts are whole paragraphs; their codes give the positions.
                    let said = said.map(|said| super::said(&said)).filter(|said| said.chars().count() <= 8);
                    marks.push((is_running, said.is_some()));
                    self.hidden += usize::from(is_running);
                    self.replacing = said.or_else(|| self.replacing.take());
                }
                Op::EndMarkedContent(_) => {
                    if let Some((is_running, is_said)) = marks.pop() {
                        self.hidden -= usize::from(is_running);
                        self.replacing = self.replacing.take().filter(|_| !is_said);
                    }
                }
                _ => {}
            }
        }
        self.hidden -= marks.iter().filter(|(is_running, _)| *is_running).count();
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn form(&mut self, form: &Stream<'_>, around: &Resources<'_>, state: &State) -> ControlFlow<()> {
        let dict = form.dict();
        if dict.get::<Name<'_>>("Subtype").is_none_or(|subtype| subtype.as_str() != "Form") {
            return ControlFlow::Continue(());
        }
        // Unpacking counts too, even without a result.
        self.budget.charge(64 + form.raw_data().len())?;
        let Some(content) = super::unpacked(form) else { return ControlFlow::Continue(()) };
        self.budget.charge(content.len())?;
        let mut state = state.clone();
        if let Some(matrix) = dict.get::<Matrix>("Matrix") {
            state.matrix = then(matrix, state.matrix);
        }
        match dict.get::<Dict<'_>>("Resources") {
            Some(resources) => self.run(&content, &Resources::new(resources), state),
            None => self.run(&content, around, state),
        }
    }

    fn font(&mut self, dict: &Dict<'_>, key: Option<FontKey>) -> ControlFlow<(), Rc<Font>> {
        if let Some(font) = key.as_ref().and_then(|key| self.fonts.get(key)) {
            return ControlFlow::Continue(font.clone());
        }
        let font = Rc::new(Font::new(dict));
        if let Some(key) = key {
            self.fonts.insert(key, font.clone());
        }
        self.budget.charge(font.cost)?;
        ControlFlow::Continue(font)
    }

    fn show_all(&mut self, items: &Array<'_>, state: &State, text: &mut Matrix) {
        for item in items.iter::<Object<'_>>() {
            match item {
                Object::String(string) => self.show(string.as_bytes(), state, text),
                Object::Number(back) => {
                    let by = -number(back) / 1000.0 * state.size;
                    let is_vertical = state.font.as_ref().is_some_and(|font| font.is_vertical);
                    let (x, y) = if is_vertical { (0.0, by) } else { (by * state.stretch, 0.0) };
                    *text = then([1.0, 0.0, 0.0, 1.0, x, y], *text);
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, bytes: &[u8], state: &State, text: &mut Matrix) {
        let Some(font) = state.font.clone() else {
            self.budget.codes += bytes.len() as u64;
            self.budget.unknown += bytes.len() as u64;
            return;
        };
        // A negative size or stretch draws backwards; so may the advance, by its spacing.
        let is_back = if font.is_vertical { state.size < 0.0 } else { state.size * state.stretch < 0.0 };
        font.read(bytes, |shown| {
            let spacing = state.letter_spacing + if shown.is_space { state.word_spacing } else { 0.0 };
            let (x, y) = match font.is_vertical {
                true => (0.0, -shown.width * state.size - spacing),
                false => ((shown.width * state.size + spacing) * state.stretch, 0.0),
            };
            let place = then([1.0, 0.0, 0.0, 1.0, 0.0, state.rise], then(*text, state.matrix));
            let moved = then([1.0, 0.0, 0.0, 1.0, x, y], *text);
            self.budget.codes += 1;
            self.budget.unknown += u64::from(shown.text.is_none());
            let replaced = self.replacing.as_mut().map(std::mem::take);
            if self.hidden == 0
                && let Some(said) = replaced.or(shown.text)
            {
                let [a, b, c, d, e, f] = place;
                let goes_back = x < 0.0 || y > 0.0;
                let length = if goes_back == is_back { (x * a + y * c).hypot(x * b + y * d) } else { 0.0 };
                let along = match (font.is_vertical, is_back) {
                    (false, false) => [a, b],
                    (false, true) => [-a, -b],
                    (true, false) => [-c, -d],
                    (true, true) => [c, d],
                };
                let is_mirrored = a * d - b * c < 0.0;
                let size = state.size.abs() * if font.is_vertical { a.hypot(b) } else { c.hypot(d) };
                self.shown.push(&said, [e, f], along, length, size, is_mirrored);
            }
            *text = moved;
        });
    }
}
