//! Compiler errors. The engine's error type has the same variants and converts from this one.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Invalid(#[from] glasshouse_protocol::Invalid),
    /// A configuration or request that cannot be met; the message is one sentence.
    #[error("{0}")]
    Refused(String),
    /// The device has no 16-bit floats.
    #[error("{0}")]
    NoHalf(String),
    /// A node's inputs break its shape rule.
    #[error(transparent)]
    Graph(#[from] crate::graph::GraphError),
    /// The device or one of its buffers has too little memory.
    #[error("{what} needs {needed} bytes and the device offers {available}; {advice}")]
    TooLarge { what: String, needed: u64, available: u64, advice: String },
    /// A bug: an invariant does not hold.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The device has no 16-bit floats for mixed-precision training.
    pub fn trains_without_half(device: &str) -> Self {
        Self::NoHalf(format!(
            "{device} has no 16-bit floats; train in 32 bits (train.precision = \"f32\"), or on a device with 16-bit floats"
        ))
    }
}
