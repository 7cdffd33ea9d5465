//! Storage formats of weight matrices.

use crate::setting::choices;

choices! {
    /// How matrices are stored, in memory and in files. Norms, biases, position tables, and matrices whose rows are not whole blocks
    /// stay in 32 bits.
    #[derive(Hash)]
    pub enum WeightFormat = F32 {
        /// 32-bit floats, as trained.
        F32 = "f32", "32 bits";
        /// 16-bit floats (IEEE 754 binary16).
        F16 = "f16", "16 bits";
        /// 8 bits per weight and a 16-bit scale for every 32 weights of a row, as in GGUF.
        Q8_0 = "q8_0", "8 bits";
        /// 4 bits per weight and a 16-bit scale for every 32 weights of a row, as in GGUF.
        Q4_0 = "q4_0", "4 bits";
    }
    unlisted {
        /// As in the GGUF file that the run was imported from.
        Gguf = "gguf", "as in its file";
    }
}

impl WeightFormat {
    /// Rows of a stored matrix are a multiple of this many weights.
    pub fn block(self) -> usize {
        match self {
            Self::F32 | Self::Gguf => 1,
            Self::F16 => 4,
            Self::Q8_0 | Self::Q4_0 => 32,
        }
    }

    /// The largest magnitude of a weight.
    pub fn largest(self) -> f32 {
        let f16 = 65_504.0;
        match self {
            Self::F32 | Self::Gguf => f32::MAX,
            Self::F16 => f16,
            // The scale is an f16.
            Self::Q8_0 => 127.0 * f16,
            Self::Q4_0 => 8.0 * f16,
        }
    }
}
