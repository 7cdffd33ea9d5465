//! The page's prose.

pub const WHAT: &str = "Glasshouse trains small language models from scratch, on this device, and shows every part of them during training. \
    Your texts, models and results stay with you. A project holds a text, its tokenizer, and every run trained on it.";

pub const DROP: &str =
    "Drop texts, web pages, tables or PDFs anywhere on this page. A .glasshouse file opens as a project.";

pub const STARTING: &str = "Starting the engine";

pub const NO_PROJECTS: &str = "Your projects appear here, newest first.";

pub const NOT_KEPT: &str = "This browser gives the page no private storage (a private window, blocked cookies, no https, or files without \
    synchronous access), so projects are lost when this tab closes. Export your projects before that.";
