//! The page's prose.

pub(super) const WHAT: &str = "What is chosen here holds for every project on this device. A run that was started on a device stays with it, \
    so that it resumes to the same bits.";

pub(super) const AUTO: &str = "A real GPU where there is one, else the CPU.";

pub(super) const FULL_PRECISION: &str = "All numbers in 32 bits, as on every other device";

pub(super) const AUTO_PRECISION: &str = "On a GPU with 16-bit floats both are tried when a run starts, and mixed is taken where it is noticeably faster. Elsewhere 32 bits.";

pub(super) const MIXED_PRECISION: &str =
    "Activations and their gradients in 16 bits: less memory, and less to move. Weights and sums stay in 32.";

pub(super) const NOT_HERE: &str = "Not on this device, which has no 16-bit floating-point numbers";

pub(super) const NO_MIXED_PRECISION: &str = "Precision: weights, gradients and sums are 32-bit floating-point numbers. This device has no 16-bit ones.";

pub(super) const LANGUAGE: &str =
    "Glasshouse speaks English so far. Texts in any script can be read, trained on and written.";

pub(super) const LASTING: &str = "Projects stay here until you delete them.";

pub(super) const NOT_LASTING: &str =
    "Projects are lost when this window closes: export what you want to keep.";

#[cfg(feature = "command-line")]
pub(super) const SERVE: &str = "Programs on this machine that speak OpenAI's API (its Python client, lm-eval, editors) can have the open project's \
    models write, answer and score texts.";

#[cfg(feature = "command-line")]
pub(super) const SERVES: &str =
    "This address is the client's base_url. Its model is a run by name; where none is named, the latest.";

#[cfg(feature = "command-line")]
pub(super) const SERVES_BETWEEN_STEPS: &str = "A run trains: answers come between its steps, later than otherwise, and hold it up. Where no \
    model is named, the run in training answers as it is by then.";

#[cfg(feature = "command-line")]
pub(super) const MODERATES: &str = "Holds for what other programs ask from now on, and for what Chat and Write show. Where words are \
    hidden, log-probabilities, which would tell them, are refused.";

#[cfg(feature = "command-line")]
pub(super) const SERVES_NOTHING: &str = "No project is open: until one is, every request is refused.";

pub(super) const ABOUT: &str = "Trains small language models from scratch, with everything in sight. Free software under the MIT or the \
    Apache 2.0 licence. Fonts: Noto Sans and Material Symbols (Apache License 2.0), Hack (MIT and Bitstream Vera licences), Ubuntu Light \
    (Ubuntu Font Licence 1.0), Noto Emoji (SIL Open Font License 1.1), emoji-icon-font (MIT). The file third-party-licenses, which comes \
    with the program, has the licences of all its parts.";
