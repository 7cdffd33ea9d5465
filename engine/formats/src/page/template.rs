//! The template of a shared page: found, checked and filled.

use super::Facts;
use glasshouse_platform::{Error, Result, Yielder, files};
use serde::Serialize;
use std::io::Read as _;
use std::path::Path;

/// Its name in a browser build and next to an installed program.
pub const TEMPLATE_FILE: &str = "share.html";

/// Identifies the template and its version; within the first [`HEAD`] bytes of every page.
const MARK: &str = r#"<meta name="generator" content="Glasshouse page 1">"#;
const HEAD: u64 = 4096;
const MAX_BYTES: u64 = 64 << 20;

/// Placeholders in the template.
const TITLE: &str = "<title>Glasshouse</title>";
const HOME: &str = r#"<script type="application/json" id="home">null</script>"#;
const FACTS: &str = r#"<script type="application/json" id="facts">null</script>"#;
const MODEL: &str = r#"<script type="text/plain" id="model"></script>"#;

/// The digits of base 85; `web/share/boot.js` has the same.
const DIGITS: &[u8; 85] =
    br"!#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|";

/// Bytes encoded between two yields; a multiple of 4.
const PIECE: usize = 1 << 18;

#[derive(Clone, Debug)]
pub struct Template(String);

impl Template {
    /// Checks a template's text. Fails if it is something else, or of another version.
    pub fn parse(text: String) -> Result<Self> {
        let lacks = [MARK, TITLE, FACTS, MODEL].iter().any(|place| !text.contains(place));
        if lacks {
            return Err(Error::Refused(format!(
                "{TEMPLATE_FILE} is not the template of this version's pages; build it again with web/build"
            )));
        }
        Ok(Self(text))
    }

    /// Reads the template of a browser build's folder. Fails if there is none, or it is of another version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(TEMPLATE_FILE);
        let length = match files::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let reason =
                    format!("has no {TEMPLATE_FILE}; name the folder that web/build of this version wrote");
                return Err(Error::bad_file(folder, reason));
            }
            Err(error) => return Err(Error::io(&path)(error)),
        };
        if length > MAX_BYTES {
            return Err(Error::bad_file(&path, "is too long for a template; build it again with web/build"));
        }
        let text = files::read(&path).map_err(Error::io(&path))?;
        let text = String::from_utf8(text)
            .map_err(|_| Error::bad_file(&path, "is not text; build it again with web/build"))?;
        Self::parse(text)
    }

    /// The template that was installed with the program or, in a browser, comes from the page's own server.
    pub fn installed() -> Result<Self> {
        match glasshouse_platform::page_template(TEMPLATE_FILE) {
            Ok(text) => Self::parse(text),
            Err(reason) => Err(Error::Refused(reason)),
        }
    }

    /// With the URL of a Glasshouse page, to which the shared page passes its model. Fails if it is not a web URL.
    pub fn with_home(self, home: &str) -> Result<Self> {
        check_address(home)?;
        let filled = HOME.replace("null", &embedded(&home)?);
        Ok(Self(self.0.replacen(HOME, &filled, 1)))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// Whether a file is a page made from a template of any version.
    pub fn is_one(path: &Path) -> bool {
        let mark = MARK.split_once(" page").map_or(MARK, |(mark, _)| mark);
        let mut head = Vec::new();
        let read = files::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        read.is_ok() && String::from_utf8_lossy(&head).contains(mark)
    }

    pub(super) async fn fill(&self, facts: &Facts, model: &[u8], yielder: &Yielder) -> Result<String> {
        let title = format!("<title>{}</title>", escaped(&facts.title));
        let facts = FACTS.replace("null", &embedded(facts)?);
        let mut page = String::with_capacity(self.0.len() + facts.len() + model.len() / 4 * 5 + 512);
        let mut rest = self.0.as_str();
        // What is filled in is never searched.
        for (place, text) in [(TITLE, title), (FACTS, facts)] {
            let (before, after) = rest.split_once(place).ok_or_else(misplaced)?;
            page.push_str(before);
            page.push_str(&text);
            rest = after;
        }
        let (before, after) = rest.split_once(MODEL).ok_or_else(misplaced)?;
        let (open, close) = MODEL.split_at(MODEL.len() - "</script>".len());
        page.push_str(before);
        page.push_str(open);
        for piece in model.chunks(PIECE) {
            base85(piece, &mut page);
            yielder.maybe_yield().await;
        }
        page.push_str(close);
        page.push_str(after);
        Ok(page)
    }
}

/// Checks that a text is the URL of a page.
pub fn check_address(text: &str) -> Result<()> {
    let is_plain =
        !text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '#');
    if is_plain && (text.starts_with("https://") || text.starts_with("http://")) {
        return Ok(());
    }
    Err(Error::Refused(format!("{text:?} is not the URL of a page, such as https://example.org/glasshouse/")))
}

fn misplaced() -> Error {
    Error::Refused(format!("{TEMPLATE_FILE} has its parts in another order; build it again with web/build"))
}

/// JSON that cannot end the element around it.
fn embedded(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(text.replace('<', "\\u003c"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Appends five digits for every four bytes, the highest first; a shorter rest has one digit more than bytes.
pub(super) fn base85(bytes: &[u8], text: &mut String) {
    for group in bytes.chunks(4) {
        let mut whole = [0; 4];
        whole[..group.len()].copy_from_slice(group);
        let mut word = u32::from_be_bytes(whole);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(word % 85) as usize];
            word /= 85;
        }
        text.extend(digits[..=group.len()].iter().map(|digit| char::from(*digit)));
    }
}
