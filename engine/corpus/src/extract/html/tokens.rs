//! A page's bytes cut into text, tags and raw text, as HTML's tokenizer does: one pass, nothing copied, nothing remembered.
//!
//! Own code where html5ever would do: a page is mostly markup that goes, and this leaves it unparsed; and no page can make it
//! take more than linear time or any memory.

use memchr::{memchr, memchr3, memmem};

use super::entities;

/// A piece of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, with its character references as they stand.
    Text(&'a str),
    /// A start tag.
    Open {
        /// Its name as it stands, in whatever case.
        name: &'a str,
        /// All that follows the name.
        attributes: Attributes<'a>,
    },
    /// An end tag of this name.
    Close(&'a str),
    /// An element whose content is no markup, as a whole.
    Raw {
        /// Its name as it stands.
        name: &'a str,
        /// All that follows the name.
        attributes: Attributes<'a>,
        /// What it holds.
        content: &'a str,
    },
}

/// Cuts a page into tokens.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(page: &'a str) -> Self {
        Self { rest: page }
    }

    /// Takes this many bytes off the front, or all where the count does not fall between characters.
    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// Skips to behind the next of these, or to the end.
    fn skip_past(&mut self, needle: &str) {
        let end = memmem::find(self.rest.as_bytes(), needle.as_bytes())
            .map_or(self.rest.len(), |at| at + needle.len());
        self.take(end);
    }

    /// Where the tag ends that starts here: at a `>` outside quoted values.
    fn tag_end(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let mut position = 0;
        loop {
            let found = position + memchr3(b'>', b'"', b'\'', bytes.get(position..)?)?;
            let quote = *bytes.get(found)?;
            if quote == b'>' {
                return Some(found);
            }
            let before = bytes.get(..found)?.iter().rfind(|byte| !byte.is_ascii_whitespace());
            position = found + 1;
            if before == Some(&b'=')
                && let Some(length) = memchr(quote, bytes.get(position..)?)
            {
                position += length + 1;
            }
        }
    }

    /// Takes the content of an element that holds no markup, and its end tag.
    fn raw_content(&mut self, name: &str) -> &'a str {
        let bytes = self.rest.as_bytes();
        let mut position = 0;
        while let Some(found) = bytes.get(position..).and_then(|rest| memmem::find(rest, b"</")) {
            let start = position + found + 2;
            let end = start + name.len();
            let matches =
                bytes.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
            if matches && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
                let content = self.take(start - 2);
                self.skip_past(">");
                return content;
            }
            position = start;
        }
        self.take(self.rest.len())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let bytes = self.rest.as_bytes();
            if *bytes.first()? != b'<' {
                let end = memchr(b'<', bytes).unwrap_or(bytes.len());
                return Some(Token::Text(self.take(end)));
            }
            match bytes.get(1) {
                Some(letter) if letter.is_ascii_alphabetic() => {}
                Some(b'/') if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => {}
                Some(b'!') if bytes.starts_with(b"<!--") => {
                    // `<!-->` is a comment too.
                    self.take(2);
                    self.skip_past("-->");
                    continue;
                }
                Some(b'!' | b'?' | b'/') => {
                    self.skip_past(">");
                    continue;
                }
                // A `<` that opens nothing is text, up to the next.
                _ => {
                    let end =
                        bytes.get(1..).and_then(|rest| memchr(b'<', rest)).map_or(bytes.len(), |at| at + 1);
                    return Some(Token::Text(self.take(end)));
                }
            }
            let Some(end) = self.tag_end() else {
                self.rest = "";
                return None;
            };
            let tag = self.take(end + 1);
            let inside = tag.get(1..end).unwrap_or_default();
            let closing = inside.starts_with('/');
            let inside = inside.strip_prefix('/').unwrap_or(inside);
            let name_end = inside
                .bytes()
                .position(|byte| byte.is_ascii_whitespace() || byte == b'/')
                .unwrap_or(inside.len());
            let (name, attributes) = inside.split_at_checked(name_end).unwrap_or((inside, ""));
            if closing {
                return Some(Token::Close(name));
            }
            let attributes = Attributes { rest: attributes };
            if is_raw(name) {
                let content = self.raw_content(name);
                return Some(Token::Raw { name, attributes, content });
            }
            return Some(Token::Open { name, attributes });
        }
    }
}

/// Whether the content of elements of this name is no markup.
fn is_raw(name: &str) -> bool {
    ["script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"]
        .iter()
        .any(|raw| raw.eq_ignore_ascii_case(name))
}

/// The attributes that mean something here.
const KNOWN: [&str; 20] = [
    "class",
    "id",
    "href",
    "style",
    "hidden",
    "aria-hidden",
    "rel",
    "role",
    "aria-modal",
    "itemprop",
    "name",
    "property",
    "http-equiv",
    "content",
    "lang",
    "datetime",
    "type",
    "start",
    "summary",
    "colspan",
];

/// The attributes of a tag that mean something here, by their names in lower case; values have their character references as they
/// stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Attributes<'a> {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.len() < 2
    }

    /// The first value of this name, decoded.
    pub(super) fn value(mut self, name: &str) -> Option<String> {
        self.find(|(found, _)| *found == name).map(|(_, value)| entities::decoded(value))
    }
}

impl<'a> Attributes<'a> {
    /// The next name as it stands, and its value.
    fn next_pair(&mut self) -> Option<(&'a str, &'a str)> {
        let space = |character: char| character.is_ascii_whitespace();
        let rest = self.rest.trim_start_matches(|character| space(character) || character == '/');
        if rest.is_empty() {
            return None;
        }
        // A name may start with `=`, which is otherwise its end.
        let end = rest
            .bytes()
            .enumerate()
            .position(|(at, byte)| byte.is_ascii_whitespace() || byte == b'/' || (byte == b'=' && at > 0))
            .unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(end)?;
        let Some(value) = tail.trim_start_matches(space).strip_prefix('=') else {
            self.rest = tail;
            return Some((name, ""));
        };
        let value = value.trim_start_matches(space);
        for quote in ['"', '\''] {
            if let Some((value, tail)) = value.strip_prefix(quote).and_then(|value| value.split_once(quote)) {
                self.rest = tail;
                return Some((name, value));
            }
        }
        let (value, tail) = value.split_at_checked(value.find(space).unwrap_or(value.len()))?;
        self.rest = tail;
        Some((name, value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'static str, &'a str);

    fn next(&mut self) -> Option<(&'static str, &'a str)> {
        loop {
            let (name, value) = self.next_pair()?;
            if let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                return Some((known, value));
            }
        }
    }
}
