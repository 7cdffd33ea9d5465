//! A page's content: the operators that place text, followed to learn where each string stands.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::file::File;
use super::fonts::Font;
use super::layout::{Layout, Run};
use super::objects::{Dictionary, Object, Reader};

/// Operands that an operator may have; colours have the most, of those of interest six is enough.
const OPERANDS: usize = 64;
/// Saved states, and content within content, that are kept apart.
const STATES: usize = 64;
const FORMS: usize = 8;
/// What content within content costs at least of what may be unpacked: content that repeats itself costs time.
const FORM: usize = 4096;

/// Fonts by their numbers.
pub(super) type Fonts = BTreeMap<u32, Rc<Font>>;

/// A coordinate system: the first two numbers are where a step to the right leads, the next where one upwards does, the last
/// where its origin stands.
type Matrix = [f64; 6];

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// What text is placed with.
#[derive(Clone)]
struct State {
    page: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    character_spacing: f64,
    word_spacing: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

/// Follows content and hands its text to the layout.
pub(super) struct Interpreter<'f, 'a> {
    pub(super) file: &'f mut File<'a>,
    pub(super) fonts: &'f mut Fonts,
    pub(super) layout: &'f mut Layout,
    state: State,
    states: Vec<State>,
    line: Matrix,
    text: Matrix,
    /// Marked stretches of content, open: how many, and at which the page's decoration began.
    marks: usize,
    decoration: Option<usize>,
}

impl<'f, 'a> Interpreter<'f, 'a> {
    pub(super) fn new(file: &'f mut File<'a>, fonts: &'f mut Fonts, layout: &'f mut Layout) -> Self {
        let state = State {
            page: IDENTITY,
            font: None,
            size: 1.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        Self {
            file,
            fonts,
            layout,
            state,
            states: Vec::new(),
            line: IDENTITY,
            text: IDENTITY,
            marks: 0,
            decoration: None,
        }
    }

    /// Follows content; `depth` is how many others it stands within.
    pub(super) fn run(&mut self, content: &[u8], resources: &Dictionary, depth: usize) {
        let states = self.states.len();
        let mut reader = Reader::of_content(content);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(object) = reader.object() {
            let Object::Word(operator) = object else {
                if operands.len() < OPERANDS {
                    operands.push(object);
                }
                continue;
            };
            if operator == b"BI" {
                skip_image(&mut reader, content);
            } else {
                self.operate(&operator, &operands, resources, depth);
            }
            operands.clear();
        }
        self.states.truncate(states);
    }

    fn operate(&mut self, operator: &[u8], operands: &[Object], resources: &Dictionary, depth: usize) {
        let number = |index: usize| operands.get(index).and_then(Object::number).unwrap_or(0.0);
        let matrix = || [number(0), number(1), number(2), number(3), number(4), number(5)];
        let name = || operands.first().and_then(Object::name);
        match operator {
            b"q" if self.states.len() < STATES => self.states.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.states.pop() {
                    self.state = state;
                }
            }
            b"cm" => self.state.page = product(&matrix(), &self.state.page),
            b"BT" => {
                self.line = IDENTITY;
                self.text = IDENTITY;
            }
            b"Tc" => self.state.character_spacing = number(0),
            b"Tw" => self.state.word_spacing = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Ts" => self.state.rise = number(0),
            b"Tf" => {
                self.state.size = number(1);
                if let Some(name) = name() {
                    self.state.font = self.font(resources, name);
                }
            }
            b"Td" => self.next_line(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.next_line(number(0), number(1));
            }
            b"Tm" => {
                self.line = matrix();
                self.text = self.line;
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tj" => self.show(operands.first()),
            b"'" => {
                self.next_line(0.0, -self.state.leading);
                self.show(operands.first());
            }
            b"\"" => {
                self.state.word_spacing = number(0);
                self.state.character_spacing = number(1);
                self.next_line(0.0, -self.state.leading);
                self.show(operands.get(2));
            }
            b"TJ" => {
                if let Some(Object::Array(pieces)) = operands.first() {
                    for piece in pieces {
                        match piece {
                            Object::Number(number) => {
                                self.advance(-number / 1000.0 * self.state.size * self.state.stretch);
                            }
                            piece => self.show(Some(piece)),
                        }
                    }
                }
            }
            b"BMC" | b"BDC" => {
                self.marks += 1;
                // Running heads and page numbers are marked so in accessible files.
                if name() == Some("Artifact") && self.decoration.is_none() {
                    self.decoration = Some(self.marks);
                }
            }
            b"EMC" => {
                if self.decoration == Some(self.marks) {
                    self.decoration = None;
                }
                self.marks = self.marks.saturating_sub(1);
            }
            b"Do" if depth < FORMS => {
                if let Some(name) = name() {
                    self.form(resources, name, depth);
                }
            }
            _ => {}
        }
    }

    /// Content within content.
    fn form(&mut self, resources: &Dictionary, name: &str, depth: usize) {
        let Some(left) = self.file.left.checked_sub(FORM) else { return };
        let Some(forms) = resources.get("XObject").and_then(|forms| self.file.dictionary(forms)) else {
            return;
        };
        let Some(stream) = forms.get(name).and_then(|form| self.file.stream(form)) else { return };
        if self.file.value(&stream.dictionary, "Subtype").name() != Some("Form") {
            return;
        }
        self.file.left = left;
        let Some(content) = self.file.unpack(&stream) else { return };
        let own = stream.dictionary.get("Resources").and_then(|own| self.file.dictionary(own));
        let state = self.state.clone();
        if let Object::Array(matrix) = self.file.value(&stream.dictionary, "Matrix") {
            let mut numbers = matrix.iter().map(|number| number.number().unwrap_or(0.0));
            let matrix = std::array::from_fn(|_| numbers.next().unwrap_or(0.0));
            self.state.page = product(&matrix, &self.state.page);
        }
        self.run(&content, own.as_ref().unwrap_or(resources), depth + 1);
        self.state = state;
    }

    fn font(&mut self, resources: &Dictionary, name: &str) -> Option<Rc<Font>> {
        let fonts = self.file.dictionary(resources.get("Font")?)?;
        let font = fonts.get(name)?;
        let number = if let Object::Reference(number) = font { Some(*number) } else { None };
        if let Some(known) = number.and_then(|number| self.fonts.get(&number)) {
            return Some(Rc::clone(known));
        }
        let dictionary = self.file.dictionary(font)?;
        let font = Rc::new(Font::new(self.file, &dictionary));
        if let Some(number) = number {
            self.fonts.insert(number, Rc::clone(&font));
        }
        Some(font)
    }

    fn next_line(&mut self, right: f64, up: f64) {
        self.line = product(&[1.0, 0.0, 0.0, 1.0, right, up], &self.line);
        self.text = self.line;
    }

    fn advance(&mut self, by: f64) {
        self.text = product(&[1.0, 0.0, 0.0, 1.0, by, 0.0], &self.text);
    }

    fn show(&mut self, string: Option<&Object>) {
        let (Some(Object::Text(bytes)), Some(font)) = (string, self.state.font.clone()) else { return };
        let placed = product(&self.text, &self.state.page);
        let mut shown = String::new();
        let mut width = 0.0;
        let state = &self.state;
        font.characters(bytes, |text, thousandths, is_space| {
            shown.push_str(text);
            let spacing = state.character_spacing + if is_space { state.word_spacing } else { 0.0 };
            width += (thousandths / 1000.0 * state.size + spacing) * state.stretch;
        });
        let [a, b, c, d, x, y] = placed;
        let rise = self.state.rise;
        let size = (self.state.size * c.hypot(d)).abs();
        let right = a.hypot(b);
        let run = Run {
            text: &shown,
            start: (x + rise * c, y + rise * d),
            direction: if right > 0.0 { (a / right, b / right) } else { (1.0, 0.0) },
            width: width * right,
            size,
        };
        if self.decoration.is_none() && run.is_sound() {
            self.layout.run(&run);
        }
        self.advance(width);
    }
}

/// A step in the first coordinate system, then one in the second.
fn product(first: &Matrix, second: &Matrix) -> Matrix {
    let [a, b, c, d, x, y] = *first;
    let [e, f, g, h, v, w] = *second;
    [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h, x * e + y * g + v, x * f + y * h + w]
}

/// Skips a picture that stands within the content, whose bytes are no operators.
fn skip_image(reader: &mut Reader<'_>, content: &[u8]) {
    while let Some(object) = reader.object() {
        if object.is_word(b"ID") {
            break;
        }
    }
    let rest = content.get(reader.position..).unwrap_or_default();
    let found = memchr::memmem::find_iter(rest, b"EI").find(|&at| {
        let apart = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        apart(at.checked_sub(1).and_then(|before| rest.get(before))) && apart(rest.get(at + 2))
    });
    reader.position += found.map_or(rest.len(), |at| at + 2);
}
