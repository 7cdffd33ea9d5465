//! Parses a page with html5ever, with a guard between its tokenizer and its tree builder.
//!
//! The builder follows the standard, which has no limits: it searches all open elements at every tag, so that a page of a
//! million unclosed ones takes hours and gives a tree too deep for recursion. The guard limits nesting to [`DEPTH`]; the
//! content of deeper elements moves into the last one, on separate lines if it was.

use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, local_name};
use rustc_hash::FxHashMap;
use scraper::{Html, HtmlTreeSink};
use std::cell::RefCell;

/// Maximum nesting of elements, and of formatting elements among them.
const DEPTH: usize = 64;
const FORMATS: usize = 8;

/// Maximum bytes of an attribute, except those that hold content.
const ATTRIBUTE: usize = 1024;

/// A page's tree and its number of start tags.
pub(super) fn parse(page: &str) -> (Html, usize) {
    let builder = TreeBuilder::new(HtmlTreeSink::new(Html::new_document()), TreeBuilderOpts::default());
    let tokenizer = Tokenizer::new(Guard { builder, open: RefCell::default() }, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(page.into());
    // The builder stops at scripts, which are not run.
    while !matches!(tokenizer.feed(&input), html5ever::interface::TokenizerResult::Done) {}
    tokenizer.end();
    let elements = tokenizer.sink.open.borrow().elements;
    (html5ever::tree_builder::TreeSink::finish(tokenizer.sink.builder.sink), elements)
}

struct Guard<Builder> {
    builder: Builder,
    open: RefCell<Open>,
}

#[derive(Default)]
struct Open {
    elements: usize,
    /// The open elements that count, outermost first, and their number by name.
    stack: Vec<LocalName>,
    counts: FxHashMap<LocalName, usize>,
    formats: usize,
    /// Number of omitted elements by name whose end tag is still to come.
    flattened: FxHashMap<LocalName, usize>,
}

impl Open {
    /// Whether to pass on a start tag.
    fn start(&mut self, name: &LocalName) -> bool {
        self.elements += 1;
        if is_closed_by_others(name) {
            return true;
        }
        let formats = is_format(name);
        if self.stack.len() >= DEPTH || (formats && self.formats >= FORMATS) {
            *self.flattened.entry(name.clone()).or_default() += 1;
            return false;
        }
        self.formats += usize::from(formats);
        self.stack.push(name.clone());
        *self.counts.entry(name.clone()).or_default() += 1;
        true
    }

    /// Whether to pass on an end tag; `None` if it closes nothing, since a million of those would be as expensive as elements.
    fn end(&mut self, name: &LocalName) -> Option<bool> {
        if let Some(left) = self.flattened.get_mut(name).filter(|left| **left > 0) {
            *left -= 1;
            return Some(false);
        }
        if self.counts.get(name).is_none_or(|count| *count == 0) {
            return is_closed_by_others(name).then_some(true);
        }
        // Closes the elements inside it too.
        while let Some(last) = self.stack.pop() {
            self.formats -= usize::from(is_format(&last));
            if let Some(count) = self.counts.get_mut(&last) {
                *count -= 1;
            }
            if last == *name {
                break;
            }
        }
        Some(true)
    }
}

impl<Builder: TokenSink> Guard<Builder> {
    /// A line break, if the omitted element causes one.
    fn line_end(&self, name: &LocalName, line: u64) -> TokenSinkResult<Builder::Handle> {
        if is_format(name) || *name == local_name!("span") {
            return TokenSinkResult::Continue;
        }
        let tag = Tag {
            kind: TagKind::StartTag,
            name: local_name!("br"),
            self_closing: false,
            attrs: Vec::new(),
            had_duplicate_attributes: false,
        };
        self.builder.process_token(Token::TagToken(tag), line)
    }
}

impl<Builder: TokenSink> TokenSink for Guard<Builder> {
    type Handle = Builder::Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Self::Handle> {
        match token {
            Token::CommentToken(_) => TokenSinkResult::Continue,
            Token::TagToken(mut tag) => {
                let name = tag.name.clone();
                if tag.kind == TagKind::EndTag {
                    let ends = self.open.borrow_mut().end(&name);
                    return match ends {
                        Some(true) => self.builder.process_token(Token::TagToken(tag), line),
                        Some(false) => self.line_end(&name, line),
                        None => TokenSinkResult::Continue,
                    };
                }
                // XHTML closes these at once; HTML would read the rest of the page as their content.
                if tag.self_closing && is_raw(&name) {
                    return TokenSinkResult::Continue;
                }
                if !self.open.borrow_mut().start(&name) {
                    return self.line_end(&name, line);
                }
                for Attribute { name: QualName { local, .. }, value } in &mut tag.attrs {
                    let content = ["content", "href", "data-preloaded"].contains(&&**local);
                    if value.len() > ATTRIBUTE && !content {
                        let end = value.floor_char_boundary(ATTRIBUTE);
                        *value = value.get(..end).unwrap_or_default().into();
                    }
                }
                self.builder.process_token(Token::TagToken(tag), line)
            }
            other => self.builder.process_token(other, line),
        }
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Elements without content, and those closed by the next one of their kind, whose end tags authors omit.
fn is_closed_by_others(name: &LocalName) -> bool {
    [
        "a", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr", "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead",
        "tfoot", "option", "optgroup", "colgroup", "caption", "rp", "rt", "frame", "image", "script",
        "style", "title", "textarea", "noembed", "noframes", "xmp", "iframe", "noscript",
    ]
    .contains(&&**name)
}

/// Elements that the builder reopens in every paragraph until they are closed.
fn is_format(name: &LocalName) -> bool {
    ["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
        .contains(&&**name)
}

/// Elements whose content is not markup.
fn is_raw(name: &LocalName) -> bool {
    ["script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"].contains(&&**name)
}
