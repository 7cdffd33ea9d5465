//! Bundles for continuing a run on many GPUs with `transformers`, Accelerate and `torchrun`. A bundle includes data to verify
//! that the numbers match there, and the result can be imported back.
//!
//! ```text
//! bundle/  bundle.json            every file with its SHA-256
//!          run.json               the run's state and training settings
//!          model/                 a Hugging Face folder, in 32 bits
//!          optimizer.safetensors  AdamW's moments, with the names and shapes of the model's tensors
//!          data/                  the tokens of both splits
//!          expected.*             results of the next steps here: losses, gradient norms, windows, and the weights after them
//!          train.py, verify, …    scripts that continue the run and compare the results
//!          out/                   their output: metrics.jsonl, checkpoint-STEP/
//! ```

mod export;
mod import;
mod scripts;
mod tensors;
#[cfg(test)]
mod tests;

pub use export::{BundleExport, export_bundle};
pub use import::import_bundle;

use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result, Yielder, storage};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

const FORMAT: &str = "glasshouse-bundle";
const VERSION: u32 = 1;
const MANIFEST: &str = "bundle.json";
/// Maximum size of a JSON file in a bundle.
const MAX_JSON_BYTES: u64 = 64 << 20;
/// Prefixes of the moments' names, as in PyTorch's AdamW.
const FIRST: &str = "exp_avg.";
const SECOND: &str = "exp_avg_sq.";

/// `bundle.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u32,
    app_version: String,
    /// Name of the run and file of its checkpoint.
    run: String,
    checkpoint: String,
    project: String,
    /// The run's creation time and the checksum of its settings, which together identify it.
    created: u64,
    config_crc32c: u32,
    step: u64,
    /// Identifies the run further: model settings, seed and number of tokens.
    model: BTreeMap<String, String>,
    seed: u64,
    train_tokens: u64,
    /// Hexadecimal SHA-256 of each file, by its path in the bundle with `/` as separator.
    files: BTreeMap<String, String>,
}

/// Whether a folder contains a bundle's manifest.
pub fn is_bundle(folder: &Path) -> bool {
    files::is_file(&folder.join(MANIFEST))
}

impl Manifest {
    /// Reads a bundle's manifest.
    ///
    /// # Errors
    /// The folder is not a bundle, or has another version.
    fn read(bundle: &Path) -> Result<Self> {
        let path = bundle.join(MANIFEST);
        if !is_bundle(bundle) {
            let reason =
                format!("it has no {MANIFEST}: choose a folder written by `glasshouse bundle export`");
            return Err(Error::bad_file(bundle, reason));
        }
        let manifest: Self = storage::read_json(&path, MAX_JSON_BYTES)?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            let reason = format!(
                "a {} of version {}, but this program reads {FORMAT} {VERSION}: use the program that wrote it",
                manifest.format, manifest.version
            );
            return Err(Error::bad_file(path, reason));
        }
        Ok(manifest)
    }
}

/// Hexadecimal SHA-256 of a file.
async fn sha256(path: &Path, yielder: &Yielder) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut buffer).map_err(Error::io(path))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        yielder.maybe_yield().await;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Verifies the checksums of a folder's files.
///
/// # Errors
/// A file is missing or differs; the error names it.
async fn check_files(folder: &Path, sums: &BTreeMap<String, String>, yielder: &Yielder) -> Result<()> {
    for (name, wanted) in sums {
        // Names from an untrusted file must stay inside the folder.
        if name.split('/').any(|part| part.is_empty() || part == ".." || part.contains(['\\', ':', '\0'])) {
            return Err(Error::bad_file(
                folder,
                format!(
                    "{name:?} is not a file name of a bundle: copy the bundle again, from a trusted source"
                ),
            ));
        }
        let path = folder.join(name);
        if !files::is_file(&path) {
            return Err(Error::bad_file(path, "missing: copy its whole folder again"));
        }
        if sha256(&path, yielder).await? != *wanted {
            return Err(Error::bad_file(
                path,
                "it was changed since it was written (checksum): copy it again from its source",
            ));
        }
    }
    Ok(())
}
