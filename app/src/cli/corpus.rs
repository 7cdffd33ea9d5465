//! `glasshouse corpus`: the embedded corpora as text.

use super::arguments::{CorpusArguments, CorpusName};
use glasshouse_engine::data::stories;
use std::io::{BufWriter, Write as _};

pub(super) fn corpus(arguments: &CorpusArguments) -> anyhow::Result<()> {
    let CorpusName::Stories = arguments.corpus;
    let mut output = BufWriter::new(std::io::stdout().lock());
    stories::write_corpus(arguments.bytes, arguments.seed, &mut output)?;
    output.flush()?;
    Ok(())
}
