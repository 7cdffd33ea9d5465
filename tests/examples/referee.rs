//! Writes what PyTorch needs to train the same run, for the README's reproduction table:
//!
//! ```sh
//! cargo run --release -p glasshouse-tests --example referee -- nanogpt-cpu TEXT OUT
//! ```

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [preset, text, out] = arguments.as_slice() else {
        eprintln!("usage: referee PRESET TEXT OUT");
        std::process::exit(2);
    };
    glasshouse_tests::referee::write(preset, Path::new(text), Path::new(out));
}
