//! A page's bytes to its tree: html5ever's parser, with a guard between its tokenizer and its tree builder.
//!
//! The builder follows the standard, which knows no bounds: it looks through all open elements at every tag, so that a page of a million
//! that are never closed takes hours and a tree that none may walk by recursion. The guard lets elements nest to [`DEPTH`]; what is deeper
//! stands in the last, on lines of its own where it did.

use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, QualName, local_name};
use rustc_hash::FxHashMap;
use scraper::{Html, HtmlTreeSink};
use std::cell::RefCell;

/// How deep elements may nest, and those of them that only format text.
const DEPTH: usize = 64;
const FORMATS: usize = 8;

/// Bytes of an attribute that are kept, but for those that hold content.
const ATTRIBUTE: usize = 1024;

/// A page's tree, and how many tags it was made of.
pub(super) fn parse(page: &str) -> (Html, usize) {
    let builder = TreeBuilder::new(HtmlTreeSink::new(Html::new_document()), TreeBuilderOpts::default());
    let tokenizer = Tokenizer::new(Guard { builder, open: RefCell::default() }, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(page.into());
    // Scripts, which the builder stops at, are not run.
    while !matches!(tokenizer.feed(&input), html5ever::interface::TokenizerResult::Done) {}
    tokenizer.end();
    let elements = tokenizer.sink.open.borrow().elements;
    (html5ever::tree_builder::TreeSink::finish(tokenizer.sink.builder.sink), elements)
}

/// The tree builder, told of no more open elements than it can bear.
struct Guard<Builder> {
    builder: Builder,
    open: RefCell<Open>,
}

#[derive(Default)]
struct Open {
    /// Start tags so far.
    elements: usize,
    /// The elements that count, outermost first, and how many there are of each name.
    stack: Vec<LocalName>,
    counts: FxHashMap<LocalName, usize>,
    formats: usize,
    /// Those that were left out and whose end is still to come.
    flattened: FxHashMap<LocalName, usize>,
}

impl Open {
    /// Whether a start tag is let through.
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

    /// Whether an end tag is let through; none where it ends nothing, of which a million cost as much as the elements.
    fn end(&mut self, name: &LocalName) -> Option<bool> {
        if let Some(left) = self.flattened.get_mut(name).filter(|left| **left > 0) {
            *left -= 1;
            return Some(false);
        }
        if self.counts.get(name).is_none_or(|count| *count == 0) {
            return is_closed_by_others(name).then_some(true);
        }
        // What stands open within ends with it.
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
    /// A line's end, where an element was left out that makes one.
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
            Token::CommentToken(text) if !super::streamed::is_boundary(&text) => TokenSinkResult::Continue,
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
                // XHTML closes these at once, where HTML takes the rest of the page for their content.
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

/// Elements without content, and those that the next of their kind ends, so that authors leave their ends out.
fn is_closed_by_others(name: &LocalName) -> bool {
    [
        "a", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr", "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead",
        "tfoot", "option", "optgroup", "colgroup", "caption", "rp", "rt", "frame", "image", "script",
        "style", "title", "textarea", "noembed", "noframes", "xmp", "iframe", "noscript",
    ]
    .contains(&&**name)
}

/// Elements that the builder opens again in every paragraph until they are closed.
fn is_format(name: &LocalName) -> bool {
    ["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
        .contains(&&**name)
}

/// Elements whose content is no markup.
fn is_raw(name: &LocalName) -> bool {
    ["script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"].contains(&&**name)
}
