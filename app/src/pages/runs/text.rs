//! The page's prose.

pub(super) const WHAT: &str = "Every run is kept with its settings, its curves and its checkpoints. Choose one to see what it wrote and to \
    go back to any of its checkpoints; choose two or more to overlay their curves and to see the settings that differ.";

pub(super) const EMPTY: &str =
    "Once a run has started, it stands here with its settings and its loss, ready to be compared.";

pub(super) const CHOOSE: &str = "Choose a run to look into it, or two and more to compare them.";
