//! What cannot be compiled. The engine's errors take these over, variant by variant.

/// Why there is no graph or no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configuration that breaks a rule.
    #[error(transparent)]
    Invalid(#[from] glasshouse_protocol::Invalid),
    /// A configuration or request that cannot be met, said in one sentence.
    #[error("{0}")]
    Refused(String),
    /// A node of the graph whose inputs do not fit it.
    #[error(transparent)]
    Graph(#[from] crate::graph::GraphError),
    /// More memory is needed than the device or one of its buffers offers.
    #[error("{what} needs {needed} bytes and the device offers {available}; {advice}")]
    TooLarge {
        /// What does not fit.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        available: u64,
        /// A setting that would fit.
        advice: String,
    },
    /// A fault of ours: an invariant that should hold does not.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

/// Shorthand for results of the compiler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Training in mixed precision on what has no 16-bit floats, by its name.
    pub fn trains_without_half(device: &str) -> Self {
        Self::without_half(device, "train in 32 bits (train.precision = \"f32\")")
    }

    /// Writing in mixed precision, likewise.
    pub fn writes_without_half(device: &str) -> Self {
        Self::without_half(device, "write in 32 bits")
    }

    fn without_half(device: &str, instead: &str) -> Self {
        Self::Refused(format!("{device} has no 16-bit floats; {instead}, or on a device with 16-bit floats"))
    }
}
