//! The page's prose.

pub const WHAT: &str = "These settings apply to every project on this device. A run stays on the device on which it was started, so that it \
    resumes bit for bit.";

pub const AUTO: &str = "The GPU if there is one, otherwise the CPU.";

pub const NOT_HERE: &str = "Not available: this device has no 16-bit floating-point numbers";

pub const NO_MIXED_PRECISION: &str = "Precision: weights, gradients and sums are 32-bit floating-point numbers. This device has no 16-bit ones.";

pub const LANGUAGE: &str =
    "The interface is in English. Texts to read, train on and generate can be in any language and script.";

pub const LASTING: &str = "Projects stay here until you delete them.";

pub const NOT_LASTING: &str = "Projects are lost when this window closes: export those you want to keep.";

#[cfg(feature = "command-line")]
pub const SERVE: &str = "Lets programs on this machine use the open project's models through OpenAI's API (its Python client, lm-eval, \
    editors) to generate, chat and score texts.";

#[cfg(feature = "command-line")]
pub const SERVES: &str = "Use this URL as the client's base_url. Use a run's name as the model; without one, the latest run answers.";

#[cfg(feature = "command-line")]
pub const SERVES_BETWEEN_STEPS: &str = "A run is training: answers are computed between its steps, are slower, and delay it. Without a model \
    name, the run in training answers with its current weights.";

#[cfg(feature = "command-line")]
pub const MODERATES: &str = "Applies to later requests of other programs, and to Chat and Write. While words are hidden, log-probabilities \
    are refused, because they would reveal them.";

#[cfg(feature = "command-line")]
pub const SERVES_NOTHING: &str = "No project is open: all requests are refused.";

pub const ABOUT: &str = "Trains small language models from scratch and shows how they work. Free software under the MIT or the Apache 2.0 \
    licence. Fonts: Noto Sans and Material Symbols (Apache License 2.0), Hack (MIT and Bitstream Vera licences), Ubuntu Light (Ubuntu Font Licence \
    1.0), Noto Emoji (SIL Open Font License 1.1), emoji-icon-font (MIT). The file third-party-licenses, included with the program, has the licences \
    of all its parts.";
