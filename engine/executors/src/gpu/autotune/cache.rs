//! The cache of tuning results on this machine, a small JSON file. For each adapter, identified by its own and its
//! driver's name, it holds the choice of every timed bucket, including those equal to the default.
//!
//! ```json
//! { "kernels": "90f3…", "adapters": { "vulkan · … · …": { "linear 1024x128x512": "tiled" } } }
//! ```
//!
//! It also holds the precisions that were found faster (`precision 1024x128x4x128`: `mixed`); no bucket has such a
//! name. The file is valid for one kernel version. A damaged file or one of another version counts as empty and is
//! replaced. If it cannot be written, tuning is just repeated next time.

use super::super::AdapterReport;
use glasshouse_compiler::plan::lower::Choices;
use glasshouse_platform::{TUNING_FILE, files, storage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum file size in bytes, enough for thousands of buckets.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Default, Serialize, Deserialize)]
struct TuningCache {
    kernels: String,
    adapters: BTreeMap<String, BTreeMap<String, String>>,
}

/// Identifies an adapter with its driver.
fn key(adapter: &AdapterReport) -> String {
    // A browser reports neither name nor driver, but the kind of adapter and its capabilities.
    let (features, binding) = (adapter.features.join(" "), adapter.limits.binding_bytes.to_string());
    let [backend, name, driver] = [&adapter.backend, &adapter.name, &adapter.driver].map(String::as_str);
    let parts = [backend, name, driver, adapter.kind.name(), features.as_str(), binding.as_str()];
    parts.map(|part| if part.is_empty() { "unnamed" } else { part }).join(" · ")
}

fn kept(folder: &Path) -> TuningCache {
    let read = storage::read_json::<TuningCache>(&folder.join(TUNING_FILE), MAX_FILE_BYTES).ok();
    read.filter(|kept| kept.kernels == glasshouse_shaders::VERSION).unwrap_or_default()
}

pub(super) fn load(folder: &Path, adapter: &AdapterReport) -> Choices {
    Choices::from_texts(&words(folder, adapter))
}

/// All cached values for an adapter, by name.
pub(super) fn words(folder: &Path, adapter: &AdapterReport) -> BTreeMap<String, String> {
    kept(folder).adapters.remove(&key(adapter)).unwrap_or_default()
}

pub(super) fn store(folder: &Path, adapter: &AdapterReport, found: &Choices) {
    store_words(folder, adapter, found.texts());
}

/// Adds named values for an adapter to the cache.
pub(super) fn store_words(folder: &Path, adapter: &AdapterReport, words: BTreeMap<String, String>) {
    // Read again, since another process may have added results.
    let mut kept = kept(folder);
    glasshouse_shaders::VERSION.clone_into(&mut kept.kernels);
    kept.adapters.entry(key(adapter)).or_default().extend(words);
    files::create_dir_all(folder).ok();
    storage::write_json(&folder.join(TUNING_FILE), &kept).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::test_gpu;
    use glasshouse_compiler::plan::lower::{Choice, Family, ShapeBucket, Tier};

    fn choices(family: Family, tier: Tier) -> Choices {
        [(ShapeBucket::new(family, [64, 64, 64]), Choice::tier(tier))].into_iter().collect()
    }

    #[test]
    fn what_was_found_is_kept_for_each_adapter() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("not/yet/there");
        let adapter = test_gpu().report().clone();
        let other = AdapterReport { driver: "another".to_owned(), ..adapter.clone() };
        assert!(load(&folder, &adapter).is_empty());
        let (linear, few) =
            (choices(Family::Linear, Tier::Tiled), choices(Family::LinearFew, Tier::Subgroup));
        store(&folder, &adapter, &linear);
        store(&folder, &other, &few);
        assert_eq!(load(&folder, &adapter), linear);
        assert_eq!(load(&folder, &other), few);
        store(&folder, &adapter, &few);
        assert_eq!(load(&folder, &adapter).len(), 2);
        let replaced = choices(Family::Linear, Tier::Small);
        store(&folder, &adapter, &replaced);
        let bucket = ShapeBucket::new(Family::Linear, [64, 64, 64]);
        assert_eq!(load(&folder, &adapter).get(&bucket), replaced.get(&bucket));
    }

    #[test]
    fn a_damaged_or_foreign_file_counts_as_empty_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(TUNING_FILE);
        let adapter = test_gpu().report().clone();
        let found = choices(Family::Linear, Tier::Tiled);
        store(folder.path(), &adapter, &found);
        let whole = std::fs::read_to_string(&file).unwrap();
        let foreign = whole.replace(glasshouse_shaders::VERSION, "0123456789abcdef");
        assert_ne!(whole, foreign);
        for damage in ["", "{", "[1, 2]", "{\"kernels\": 3}", &whole[..whole.len() / 2], &foreign] {
            std::fs::write(&file, damage).unwrap();
            assert!(load(folder.path(), &adapter).is_empty(), "{damage}");
            store(folder.path(), &adapter, &found);
            assert_eq!(load(folder.path(), &adapter), found, "{damage}");
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        store(folder.path(), &adapter, &found);
        assert!(load(folder.path(), &adapter).is_empty());
    }
}
