//! Writes the batches of a run so that another program can train on the same ones:
//!
//! ```sh
//! cargo run --release -p glasshouse-tests --example batches -- PROJECT RUN batches.safetensors
//! ```

use glasshouse_engine::Error;
use glasshouse_engine::project::Project;
use std::path::Path;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [project, run, out] = arguments.as_slice() else {
        eprintln!("usage: batches PROJECT RUN FILE");
        std::process::exit(2);
    };
    let run = Project::open(Path::new(project))?.run(run)?;
    glasshouse_tests::referee::write_batches(&run, Path::new(out));
    Ok(())
}
