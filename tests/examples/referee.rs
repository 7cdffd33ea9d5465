//! Writes the files that PyTorch needs to train the same run, for the README's reproduction table:
//!
//! ```sh
//! cargo run --release -p glasshouse-tests --example referee -- nanogpt-cpu TEXT OUT
//! ```

use glasshouse_engine::protocol::presets;
use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [preset, text, out] = arguments.as_slice() else {
        eprintln!("usage: referee PRESET TEXT OUT");
        std::process::exit(2);
    };
    let mut config = presets::preset(preset).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    });
    config.data.paths = vec![text.clone()];
    glasshouse_tests::referee::write(config, None, Path::new(out));
}
