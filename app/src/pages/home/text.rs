//! The page's prose.

pub(super) const WHAT: &str = "Glasshouse grows small language models from scratch, on this device, and lets you look through every part \
    of them while it happens. Texts, models and everything between stay with you. A project holds a text, its tokenizer, and every run \
    that was trained on it.";

pub(super) const DROP: &str = "Drop texts, web pages, tables or PDF anywhere on this page. A .glasshouse file opens as the project it was.";

pub(super) const STARTING: &str = "Starting the engine";

pub(super) const NO_PROJECTS: &str = "Your projects appear here, newest first.";

pub(super) const NOT_KEPT: &str = "This browser gives the page no private storage (a private window, blocked cookies, no https, or files without synchronous \
    access), so projects are lost when this tab closes. Export what you want to keep.";
