//! From tokens to a proper tree's events: elements closed that authors leave open, hidden and useless ones left out, and no
//! nesting deeper than [`DEPTH`], so that whoever takes the events may recurse.
//!
//! A simplification of HTML's tree construction: what the standard repairs by moving nodes about (formatting across blocks, text
//! strayed into tables) is of no matter to the text.

use super::entities;
use super::tags::{Flow, Tag};
use super::tokens::{Attributes, Token, Tokens};

/// How deep elements may nest; what is deeper stands in the last, on lines of its own where it did.
pub(super) const DEPTH: usize = 64;

/// How many letters of a style are read.
const STYLE: usize = 1024;

/// What takes the events of a page. Elements that are opened are closed, in order.
pub(super) trait Sink {
    /// An element starts.
    fn open(&mut self, tag: Tag, attributes: Attributes<'_>);
    /// The element of this name that started last ends.
    fn close(&mut self, tag: Tag);
    /// Text, decoded.
    fn text(&mut self, text: &str);
}

/// What else there is to see on the way: the whole of it, hidden or not.
pub(super) trait Observer {
    /// A start tag.
    fn open(&mut self, tag: Tag, attributes: Attributes<'_>);
    /// An element whose content is no markup.
    fn raw(&mut self, name: &str, attributes: Attributes<'_>, content: &str);
}

/// Sends a page's events to a sink, and all it passes to an observer. `navigation` is whether navigation is wanted.
pub(super) fn sift(page: &str, navigation: bool, sink: &mut impl Sink, observer: &mut impl Observer) {
    let mut sift = Sift {
        sink,
        stack: Vec::with_capacity(DEPTH),
        open: Tally::new(),
        flattened: Tally::new(),
        skipped: None,
        navigation,
    };
    for token in Tokens::new(page) {
        match token {
            Token::Text(text) if sift.skipped.is_none() => {
                entities::decode(text, |piece| sift.sink.text(piece));
            }
            Token::Text(_) => {}
            Token::Open { name, attributes } => {
                let tag = Tag::of(name);
                if !(tag == Tag::Inline && attributes.is_empty()) {
                    observer.open(tag, attributes);
                    sift.open(tag, attributes);
                }
            }
            Token::Close(name) => sift.close(Tag::of(name)),
            Token::Raw { name, attributes, content } => {
                observer.raw(name, attributes, content);
                if name.eq_ignore_ascii_case("xmp") && sift.skipped.is_none() {
                    sift.open(Tag::Preformatted, attributes);
                    sift.sink.text(content);
                    sift.close(Tag::Preformatted);
                }
            }
        }
    }
    sift.skipped = None;
    sift.pop_to(0);
}

/// How many elements of each name.
struct Tally([u32; Tag::COUNT]);

impl Tally {
    fn new() -> Self {
        Self([0; Tag::COUNT])
    }

    fn has(&self, tag: Tag) -> bool {
        self.0.get(tag as usize).is_some_and(|&count| count > 0)
    }

    fn add(&mut self, tag: Tag) {
        if let Some(count) = self.0.get_mut(tag as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn subtract(&mut self, tag: Tag) {
        if let Some(count) = self.0.get_mut(tag as usize) {
            *count = count.saturating_sub(1);
        }
    }
}

/// An element that is left out with what it holds.
struct Skipped {
    tag: Tag,
    /// Elements open within, itself included.
    open: Tally,
}

struct Sift<'s, S> {
    sink: &'s mut S,
    stack: Vec<Tag>,
    /// How many of each stand on the stack.
    open: Tally,
    /// How many of each are open beyond the depth.
    flattened: Tally,
    skipped: Option<Skipped>,
    navigation: bool,
}

impl<S: Sink> Sift<'_, S> {
    fn open(&mut self, tag: Tag, attributes: Attributes<'_>) {
        let flow = tag.flow();
        if let Some(skipped) = &mut self.skipped {
            // A paragraph that is never closed ends where the next begins.
            let ends = skipped.tag == Tag::Paragraph && flow == Flow::Block;
            if !ends {
                if flow != Flow::Empty {
                    skipped.open.add(tag);
                }
                return;
            }
            self.skipped = None;
        }
        if flow == Flow::Empty {
            if matches!(tag, Tag::Break | Tag::Rule) {
                self.sink.open(tag, attributes);
                self.sink.close(tag);
            }
            return;
        }
        if matches!(tag, Tag::Html | Tag::Head | Tag::Body) {
            return;
        }
        if flow == Flow::Gone || (tag == Tag::Navigation && !self.navigation) || is_hidden(tag, attributes) {
            let mut skipped = Skipped { tag, open: Tally::new() };
            skipped.open.add(tag);
            self.skipped = Some(skipped);
            // What stood on both sides of it is not one word.
            self.sink.text(" ");
            return;
        }
        if matches!(tag, Tag::Inline | Tag::Superscript | Tag::Time) {
            return;
        }
        self.close_implied(tag, flow);
        if self.stack.len() >= DEPTH {
            self.flattened.add(tag);
            self.flat_break(flow);
            return;
        }
        self.stack.push(tag);
        self.open.add(tag);
        self.sink.open(tag, attributes);
    }

    fn close(&mut self, tag: Tag) {
        if let Some(skipped) = &mut self.skipped {
            if skipped.open.has(tag) {
                skipped.open.subtract(tag);
                if tag == skipped.tag && !skipped.open.has(tag) {
                    self.skipped = None;
                }
                return;
            }
            if !self.open.has(tag) {
                return;
            }
            // What surrounds it ends, and so does it, though nobody said so.
            self.skipped = None;
        }
        if self.flattened.has(tag) {
            self.flattened.subtract(tag);
            self.flat_break(tag.flow());
            return;
        }
        if !self.open.has(tag) && tag.heading_level().is_none() {
            return;
        }
        let same =
            |open: Tag| open == tag || (open.heading_level().is_some() && tag.heading_level().is_some());
        let wall = |open: Tag| match tag {
            Tag::Table => false,
            Tag::Row
            | Tag::Cell
            | Tag::HeaderCell
            | Tag::Caption
            | Tag::TableBody
            | Tag::TableFoot
            | Tag::TableHead => open == Tag::Table,
            _ => matches!(open, Tag::Table | Tag::Cell | Tag::HeaderCell | Tag::Caption),
        };
        self.close_nearest(same, wall);
    }

    /// Closes what a start tag closes unsaid.
    fn close_implied(&mut self, tag: Tag, flow: Flow) {
        let cell = |open: Tag| matches!(open, Tag::Table | Tag::Cell | Tag::HeaderCell | Tag::Caption);
        if flow == Flow::Block
            || matches!(tag, Tag::Div | Tag::Center | Tag::Item | Tag::Definition | Tag::Term)
        {
            self.close_nearest(|open| open == Tag::Paragraph, cell);
        }
        let table = |open: Tag| open == Tag::Table;
        match tag {
            Tag::A => self.close_nearest(|open| open == Tag::A, cell),
            Tag::Item => self.close_nearest(
                |open| open == Tag::Item,
                |open| cell(open) || matches!(open, Tag::Unordered | Tag::Ordered | Tag::Menu),
            ),
            Tag::Definition | Tag::Term => self.close_nearest(
                |open| matches!(open, Tag::Definition | Tag::Term),
                |open| cell(open) || open == Tag::Definitions,
            ),
            Tag::Cell | Tag::HeaderCell => self.close_nearest(
                |open| matches!(open, Tag::Cell | Tag::HeaderCell),
                |open| matches!(open, Tag::Table | Tag::Row),
            ),
            Tag::Row => self.close_nearest(|open| matches!(open, Tag::Row | Tag::Caption), table),
            Tag::TableBody | Tag::TableFoot | Tag::TableHead => self.close_nearest(
                |open| matches!(open, Tag::TableBody | Tag::TableFoot | Tag::TableHead | Tag::Caption),
                table,
            ),
            _ if tag.heading_level().is_some()
                && self.stack.last().is_some_and(|open| open.heading_level().is_some()) =>
            {
                self.pop_to(self.stack.len() - 1);
            }
            _ => {}
        }
    }

    /// Closes the nearest element that is meant, and all within it, unless a wall stands before it.
    fn close_nearest(&mut self, meant: impl Fn(Tag) -> bool, wall: impl Fn(Tag) -> bool) {
        for (index, &open) in self.stack.iter().enumerate().rev() {
            if meant(open) {
                self.pop_to(index);
                return;
            }
            if wall(open) {
                return;
            }
        }
    }

    /// Closes all but the outermost elements.
    fn pop_to(&mut self, count: usize) {
        while self.stack.len() > count {
            let Some(tag) = self.stack.pop() else { break };
            self.open.subtract(tag);
            self.sink.close(tag);
        }
    }

    /// Keeps apart what an element that is not kept held apart.
    fn flat_break(&mut self, flow: Flow) {
        if matches!(flow, Flow::Line | Flow::Block) {
            self.sink.open(Tag::Break, Attributes::default());
            self.sink.close(Tag::Break);
        }
    }
}

/// Whether an element is not to be seen, or holds what is no part of the text: edit links, reference marks.
fn is_hidden(tag: Tag, attributes: Attributes<'_>) -> bool {
    if attributes.is_empty() || matches!(tag, Tag::Main | Tag::Article) {
        return false;
    }
    attributes.into_iter().any(|(name, value)| match name {
        "hidden" => !value.eq_ignore_ascii_case("until-found"),
        "aria-hidden" => value == "true",
        "style" => {
            // `display: none`, in any case and with any spaces.
            let style: String =
                value.chars().filter(|letter| !letter.is_ascii_whitespace()).take(STYLE).collect();
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        "class" => value
            .split_ascii_whitespace()
            .any(|class| class == "mw-editsection" || (tag == Tag::Superscript && class == "reference")),
        _ => false,
    })
}
