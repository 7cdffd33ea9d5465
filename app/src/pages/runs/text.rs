//! The page's prose.

pub const WHAT: &str = "Every run is saved with its settings, curves and checkpoints. Choose one to see its samples and to resume from any of \
    its checkpoints; choose two or more to compare their curves and settings.";

pub const EMPTY: &str = "Runs appear here with their settings and loss.";

pub const CHOOSE: &str = "Choose a run for its details, or two or more to compare them.";
