//! The page's address.

/// The page's address without its query.
pub fn page_address() -> String {
    let location = web_sys::window().map(|window| window.location());
    let address = location.and_then(|location| Some(location.origin().ok()? + &location.pathname().ok()?));
    address.unwrap_or_default()
}
