//! Preferences in a browser: a text of the page's local storage, or this visit's memory where storage is blocked.

use super::web::boot;
use crate::preferences::Preferences;

/// Name under which they are kept.
const NAME: &str = "glasshouse.preferences";

/// What the person preferred last time; what cannot be read counts as no preference.
pub fn load_preferences() -> Preferences {
    boot().recall(NAME).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Keeps preferences.
pub fn store_preferences(preferences: &Preferences) {
    if let Ok(text) = serde_json::to_string(preferences) {
        boot().keep(NAME, &text);
    }
}
