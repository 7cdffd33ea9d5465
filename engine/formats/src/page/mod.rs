//! A model as one web page that runs it: the template that the browser build makes of the engine (`web/share`), with the model, facts
//! about it and its card filled in. Everything filled in is data: the page's policy allows only the template's own script.

mod facts;
mod template;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use template::{TEMPLATE_FILE, Template};

use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, files};
use glasshouse_project::{Trained, pack_alone};
use glasshouse_protocol::{Hint, PageWeights, quantity};
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
}

/// Makes a model's page.
///
/// # Errors
/// The model has no tokenizer, has weights that are not finite, or is too large for a page.
pub async fn share(
    model: &Trained,
    template: &Template,
    weights: PageWeights,
    yielder: &Yielder,
) -> Result<Shared> {
    if let Some(odd) = model.parameters.iter().find(|weight| !weight.is_finite()) {
        let reason = format!("a weight is {odd}: training diverged; share an earlier checkpoint");
        return Err(Error::Refused(reason));
    }
    let facts = Facts::new(model, weights)?;
    let archive = pack_alone(model, &facts.title, &facts.notes(), weights, yielder).await?;
    if archive.len() > MAX_MODEL_BYTES {
        return Err(Error::Refused(format!(
            "the model takes {}, but a browser opens pages of at most {}; share a smaller run, or export it",
            quantity::bytes(archive.len() as u64),
            quantity::bytes(MAX_MODEL_BYTES as u64)
        )));
    }
    let page = template.fill(&facts, &archive, yielder).await?;
    Ok(Shared { page, readme: facts.readme() })
}

impl Shared {
    /// Writes the page, and with `space` the README of a static Space: into a folder, or the page only if `to` ends in `.html`.
    /// Returns the files. If writing fails, nothing remains, and what was there is unchanged.
    ///
    /// # Errors
    /// The place is taken and `replace` is not set, or holds other files; or writing fails.
    pub fn write(&self, to: &Path, space: bool, replace: bool) -> Result<Vec<PathBuf>> {
        if is_file_name(to) {
            if space {
                let reason = "a Space is a folder; choose one, or leave out the Space";
                return Err(Error::bad_file(to, reason).hint(Hint::Destination));
            }
            check_file(to, replace)?;
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

/// Whether a destination is one file rather than a folder.
pub fn is_file_name(to: &Path) -> bool {
    to.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
}

fn check_file(to: &Path, replace: bool) -> Result<()> {
    if files::is_dir(to) {
        return Err(Error::bad_file(to, "is a folder; choose a file").hint(Hint::Destination));
    }
    if files::exists(to) && !replace {
        let reason = "it already exists; replace it, or choose another place";
        return Err(Error::bad_file(to, reason).hint(Hint::Replace));
    }
    Ok(())
}
