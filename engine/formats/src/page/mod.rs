//! A model as one web page that runs it: the template that the browser build makes of the engine (`web/share`), with the model, facts
//! about it and its card filled in. Everything filled in is data: the page's policy allows only the template's own script.

mod facts;
mod template;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use template::{TEMPLATE_FILE, Template, check_address};

use crate::tensors::check_finite;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::{Trained, pack_alone, packed_format};
use glasshouse_protocol::{Hint, WeightFormat, quantity};
use std::path::{Path, PathBuf};

const INDEX: &str = "index.html";
const README: &str = "README.md";
/// Name of a page while it is written.
const PARTIAL: &str = "page.html";

/// Largest model in a page: browsers hold a page as one text, of at most 512 MB.
const MAX_MODEL_BYTES: usize = 320 << 20;

/// A page, before it is written.
#[derive(Debug)]
pub struct Shared {
    pub page: String,
    /// The README of a static Space.
    pub readme: String,
    /// Notices for the user, one line each.
    pub notices: Vec<String>,
}

/// Makes a model's page. Fails if the model has no tokenizer, has weights that are not finite, or is too large for a page.
pub async fn share(
    model: &Trained,
    template: &Template,
    weights: WeightFormat,
    yielder: &Yielder,
) -> Result<Shared> {
    check_finite("the model", &model.parameters)?;
    let format = packed_format(&model.config, weights);
    let mut notices = Vec::new();
    if format != weights && weights != WeightFormat::F16 {
        notices.push(format!(
            "{} is compressed to {} already, and is shared so",
            model.run.name(),
            format.name()
        ));
    }
    let facts = Facts::new(model, format)?;
    let archive = pack_alone(model, &facts.title, &facts.notes(), format, yielder).await?;
    if archive.len() > MAX_MODEL_BYTES {
        return Err(Error::Refused(format!(
            "the model takes {}, but a browser opens pages of at most {}; share it in fewer bits (--weights q4_0), or export it",
            quantity::bytes(archive.len() as u64),
            quantity::bytes(MAX_MODEL_BYTES as u64)
        )));
    }
    let page = template.fill(&facts, &archive, yielder).await?;
    Ok(Shared { page, readme: facts.readme(), notices })
}

impl Shared {
    /// Writes the page, and with `space` the README of a static Space: into a folder, or the page only if `to` ends in `.html`. Returns the
    /// files. If writing fails, nothing remains, and what was there is unchanged. Fails if the place is taken and `replace` is not set, or
    /// holds other files; or writing fails.
    pub fn write(&self, to: &Path, space: bool, replace: bool) -> Result<Vec<PathBuf>> {
        if is_file_name(to) {
            if space {
                let reason = "a Space is a folder; choose one, or leave out the Space";
                return Err(Error::bad_file(to, reason).hint(Hint::Destination));
            }
            storage::check_file(to, replace)?;
            let staging = Staging::beside(to)?;
            storage::write_atomically(&staging.path().join(PARTIAL), self.page.as_bytes())?;
            staging.put_file(PARTIAL, to)?;
            return Ok(vec![to.to_owned()]);
        }
        storage::check_place(to, "a shared page", &[INDEX, README], replace)?;
        if files::exists(&to.join(INDEX)) && !Template::is_one(&to.join(INDEX)) {
            let reason =
                format!("holds an {INDEX} that Glasshouse did not write; choose an empty or new folder");
            return Err(Error::bad_file(to, reason).hint(Hint::Destination));
        }
        let staging = Staging::beside(to)?;
        storage::write_atomically(&staging.path().join(INDEX), self.page.as_bytes())?;
        let mut written = vec![to.join(INDEX)];
        if space {
            storage::write_atomically(&staging.path().join(README), self.readme.as_bytes())?;
            written.push(to.join(README));
        }
        staging.put(to)?;
        Ok(written)
    }
}

/// Characters of a model's link, which every browser and most messengers take; about 300,000 parameters.
const MAX_LINK: usize = 250_000;

/// A small model as the part of an address after `#`: a project's file in base 64, with as many bits per weight as there is room for. A
/// page that gets it opens it; nothing is uploaded. Fails as [`share`] does, or if the model is too large.
pub async fn link(model: &Trained, yielder: &Yielder) -> Result<String> {
    check_finite("the model", &model.parameters)?;
    let mut length = 0;
    for format in WeightFormat::COMPRESSED {
        if packed_format(&model.config, format) != format {
            continue;
        }
        let facts = Facts::new(model, format)?;
        // Packing saves less than a quarter. What is surely too long is not packed first.
        length = (facts.parameters as f64 * format.bits() / 6.0 * 0.75) as usize;
        if length > MAX_LINK {
            continue;
        }
        let archive = pack_alone(model, &facts.title, &facts.notes(), format, yielder).await?;
        length = archive.len().div_ceil(3) * 4;
        if length <= MAX_LINK {
            let mut link = String::from("m=");
            base64(&archive, &mut link);
            return Ok(link);
        }
    }
    Err(Error::Refused(format!(
        "the link would have {} characters, but browsers and messengers take about {}; share the model as a page",
        quantity::whole(length as u64),
        quantity::whole(MAX_LINK as u64)
    )))
}

/// Base 64 for addresses, without padding (RFC 4648, section 5).
fn base64(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for group in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(word);
        let digits = [18, 12, 6, 0].map(|shift| char::from(DIGITS[(word >> shift & 63) as usize]));
        text.extend(&digits[..=group.len()]);
    }
}

/// Whether a destination is one file rather than a folder.
pub fn is_file_name(to: &Path) -> bool {
    to.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
}
