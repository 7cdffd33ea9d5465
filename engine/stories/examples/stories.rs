//! Writes a corpus of stories to stdout: `cargo run -p glasshouse-stories --example stories -- BYTES SEED`.

use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let bytes = arguments.next().map_or(Ok(10_000), |bytes| bytes.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    glasshouse_stories::stories::write_corpus(bytes, seed, &mut out)?;
    Ok(out.flush()?)
}
