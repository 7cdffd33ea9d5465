//! Preferences in a browser: its local storage. Where that is blocked, preferences last as long as the tab.

use crate::app::Preferences;

const KEY: &str = "glasshouse preferences";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// What the person preferred last time; what cannot be read counts as no preference.
pub fn load_preferences() -> Preferences {
    let text = storage().and_then(|storage| storage.get_item(KEY).ok().flatten()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Keeps preferences.
pub fn store_preferences(preferences: &Preferences) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(preferences)) {
        storage.set_item(KEY, &text).ok();
    }
}
