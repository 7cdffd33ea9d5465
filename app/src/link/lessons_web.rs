//! A teacher's lessons in a browser: a page is told of no folders.

/// Whether folders of lessons can be read.
pub const LESSON_FOLDERS: bool = false;

/// None beside those of the program.
pub fn lesson_files(_shelf: &str, _project: Option<&str>) -> Vec<(String, Result<String, String>)> {
    Vec::new()
}

/// The page's address without its query: what stands before `?lesson=3`.
pub fn page_address() -> String {
    let location = web_sys::window().map(|window| window.location());
    let address = location.and_then(|location| Some(location.origin().ok()? + &location.pathname().ok()?));
    address.unwrap_or_default()
}
