//! Native preferences: a JSON file in the system's settings folder.

use crate::places::variable;
use crate::preferences::Preferences;
use std::path::PathBuf;

/// The stored preferences; unreadable ones count as defaults.
pub fn load_preferences() -> Preferences {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

pub fn store_preferences(preferences: &Preferences) {
    let Some(file) = file() else { return };
    let Ok(text) = serde_json::to_string_pretty(preferences) else { return };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).ok();
    }
    // Write a new file first, so that the old one survives a full disk.
    let fresh = file.with_extension("json.new");
    if std::fs::write(&fresh, text).is_ok() {
        std::fs::rename(&fresh, &file).ok();
    }
}

/// `preferences.json` in `%APPDATA%`, `~/Library/Application Support` or `$XDG_CONFIG_HOME`, depending on the system.
fn file() -> Option<PathBuf> {
    let folder = if cfg!(windows) {
        variable("APPDATA")?
    } else if cfg!(target_os = "macos") {
        variable("HOME")?.join("Library").join("Application Support")
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?
    };
    Some(folder.join("glasshouse").join("preferences.json"))
}
