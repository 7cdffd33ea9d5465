//! Preferences in a browser: in the page's local storage, or in memory if storage is blocked.

use super::web::boot;
use crate::preferences::Preferences;

/// Key in the storage.
const NAME: &str = "glasshouse.preferences";

/// The stored preferences; unreadable ones count as defaults.
pub fn load_preferences() -> Preferences {
    boot().recall(NAME).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

pub fn store_preferences(preferences: &Preferences) {
    if let Ok(text) = serde_json::to_string(preferences) {
        boot().keep(NAME, &text);
    }
}
